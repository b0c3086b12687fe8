#include "gateway/route_table.h"

#include "base/hash.h"
#include "deployments/split.h"

namespace capstan::gateway {
namespace {

void append_upstreams(
    const RouteTarget& target, std::size_t turn, bool is_fallback, std::vector<Attempt>& attempts
) {
    const std::size_t count = target.upstreams.size();
    for (std::size_t i = 0; i < count; ++i) {
        attempts.push_back({&target, &target.upstreams[(i + turn) % count], is_fallback});
    }
}

}  // namespace

void RouteTable::replace(std::vector<Route> routes) {
    Routes fresh;
    for (Route& route : routes) {
        std::pair key(route.project_id, route.name);
        fresh.insert_or_assign(std::move(key), std::make_shared<const Route>(std::move(route)));
    }
    routes_.store(std::move(fresh));
}

Result<std::shared_ptr<const Route>> RouteTable::find(std::string_view project_id, std::string_view name)
    const {
    const auto routes = routes_.load();
    const auto found = routes->find(std::pair(std::string(project_id), std::string(name)));
    if (found == routes->end()) {
        return Error{
            ErrorCode::kNotFound,
            "no model '" + std::string(name.substr(0, 100)) +
                "' is deployed here; GET /v1/models lists those that are"
        };
    }
    return found->second;
}

std::vector<std::shared_ptr<const Route>> RouteTable::list(std::string_view project_id) const {
    std::vector<std::shared_ptr<const Route>> routes;
    const auto all = routes_.load();
    for (const auto& [key, route] : *all) {
        if (key.first == project_id) {
            routes.push_back(route);
        }
    }
    return routes;
}

const RouteTarget* chosen_target(const Route& route, std::string_view sticky_key) {
    std::vector<deployments::Target> targets;
    targets.reserve(route.targets.size());
    for (const RouteTarget& target : route.targets) {
        targets.push_back(target.target);
    }
    const auto chosen = deployments::choose_target(targets, sticky_key);
    return chosen ? &route.targets[*chosen] : nullptr;
}

Result<std::vector<Attempt>> plan_attempts(const Route& route, std::string_view sticky_key) {
    std::vector<Attempt> attempts;
    const RouteTarget* chosen = chosen_target(route, sticky_key);
    const auto turn = static_cast<std::size_t>(xxh64(sticky_key) >> 1);
    if (chosen != nullptr) {
        append_upstreams(*chosen, turn, false, attempts);
    }
    for (const RouteTarget& target : route.targets) {
        if (&target != chosen && target.target.weight > 0) {
            append_upstreams(target, turn, true, attempts);
        }
    }
    if (attempts.empty()) {
        return Error{
            ErrorCode::kUnavailable,
            "no replica of '" + route.name + "' answers now; it may be starting: retry later"
        };
    }
    return attempts;
}

}  // namespace capstan::gateway
