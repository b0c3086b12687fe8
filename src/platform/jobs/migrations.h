#pragma once

// The tables of platform: pass these to sql::migrate before the tables of the records rooms.

#include <span>

#include "platform/sql/migrations.h"

namespace capstan::platform {

std::span<const sql::Migration> migrations();  // Generated from platform/migrations/*.sql.

}  // namespace capstan::platform
