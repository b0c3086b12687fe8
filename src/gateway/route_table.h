#pragma once

// Where calls go: for each project, the names that callers use as `model`, the targets behind each and the
// addresses that answer for them. A snapshot: readers keep the one that they began with, writers replace it
// whole.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/snapshot.h"
#include "deployments/deployment.h"

namespace capstan::gateway {

// One address that speaks OpenAI's API for a target.
struct Upstream {
    std::string url;    // "http://127.0.0.1:40001"
    std::string model;  // What the upstream calls the target's model.
};

struct RouteTarget {
    deployments::Target target;
    std::vector<Upstream> upstreams;  // Healthy ones; may be empty.
    bool is_coming = false;           // Without upstreams: one starts, or would if somebody called.
};

struct Route {
    std::string project_id;
    std::string name;
    std::int64_t created_ms = 0;
    std::vector<RouteTarget> targets;
};

// Thread-safe.
class RouteTable {
public:
    void replace(std::vector<Route> routes);

    // kNotFound, naming the model and how to list what there is.
    Result<std::shared_ptr<const Route>> find(std::string_view project_id, std::string_view name) const;
    std::vector<std::shared_ptr<const Route>> list(std::string_view project_id) const;  // By name.

private:
    // By project and name.
    using Routes = std::map<std::pair<std::string, std::string>, std::shared_ptr<const Route>>;

    Snapshot<Routes> routes_;
};

// The upstreams to try for one call, in order: those of the target that the split gives to `sticky_key`,
// turned by the key so that replicas share the load; then those of the other targets with a weight.
// kUnavailable when there are none.
struct Attempt {
    const RouteTarget* target = nullptr;  // Inside the route.
    const Upstream* upstream = nullptr;
    bool is_fallback = false;  // Not the split's target.
};

// The target that the split gives to `sticky_key`; null when none has a weight.
const RouteTarget* chosen_target(const Route& route, std::string_view sticky_key);

Result<std::vector<Attempt>> plan_attempts(const Route& route, std::string_view sticky_key);

}  // namespace capstan::gateway
