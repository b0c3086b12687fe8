#include "lineage/room.h"

#include "lineage/lineage_routes.h"

namespace capstan::lineage {

void Room::add_routes(http::Router& router) {
    add_lineage_routes(router, lineage_);
}

}  // namespace capstan::lineage
