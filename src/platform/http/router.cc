#include "platform/http/router.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/id.h"
#include "platform/http/json_reply.h"

namespace capstan::http {
namespace {

// A route with the names in its pattern, in order.
struct Entry {
    const Route* route;
    std::vector<std::string> names;
};

// A place in the tree at which a request's path may end, and what it captured on the way there.
struct Found {
    const std::vector<Entry>* entries;
    std::vector<std::string> values;
};

const Entry* entry_for(const std::vector<Entry>& entries, std::string_view method) {
    const auto of = [&](std::string_view wanted) {
        return std::ranges::find_if(entries, [&](const Entry& e) { return e.route->method == wanted; });
    };
    auto found = of(method);
    if (found == entries.end() && method == "HEAD") {
        found = of("GET");
    }
    return found == entries.end() ? nullptr : &*found;
}

std::string join(const std::vector<std::string>& segments, std::size_t from) {
    std::string joined;
    for (std::size_t i = from; i < segments.size(); ++i) {
        joined += (i == from ? "" : "/") + segments[i];
    }
    return joined;
}

void add_methods(std::string& allow, const std::vector<Entry>& entries) {
    for (const Entry& entry : entries) {
        allow += (allow.empty() ? "" : ", ") + entry.route->method;
        if (entry.route->method == "GET") {
            allow += ", HEAD";
        }
    }
}

std::vector<std::string> split_pattern(std::string_view pattern) {
    CHECK(pattern.starts_with('/'), "a route's pattern starts with '/'");
    std::vector<std::string> segments;
    pattern.remove_prefix(1);
    while (true) {
        const std::size_t slash = std::min(pattern.find('/'), pattern.size());
        segments.emplace_back(pattern.substr(0, slash));
        if (slash == pattern.size()) {
            return segments;
        }
        pattern.remove_prefix(slash + 1);
    }
}

}  // namespace

struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
    std::unique_ptr<Node> named;
    std::vector<Entry> here;  // Of paths that end at this node.
    std::vector<Entry> rest;  // Of paths that go on in any way.

    // Adds the places where `segments` from `index` on may end, best first.
    void find(
        const std::vector<std::string>& segments,
        std::size_t index,
        std::vector<std::string>& values,
        std::vector<Found>& found
    ) const {
        if (index == segments.size()) {
            if (!here.empty()) {
                found.push_back({&here, values});
            }
            return;
        }
        if (const auto next = fixed.find(segments[index]); next != fixed.end()) {
            next->second->find(segments, index + 1, values, found);
        }
        if (named && !segments[index].empty()) {
            values.push_back(segments[index]);
            named->find(segments, index + 1, values, found);
            values.pop_back();
        }
        if (!rest.empty()) {
            values.push_back(join(segments, index));
            found.push_back({&rest, values});
            values.pop_back();
        }
    }
};

Router::Router() : root_(std::make_unique<Node>()) {}

Router::~Router() = default;

void Router::get(std::string_view path, std::string_view permission, Handler handler, RouteOptions options) {
    add({"GET", std::string(path), std::string(permission), options, std::move(handler), {}, {}});
}

void Router::post(std::string_view path, std::string_view permission, Handler handler, RouteOptions options) {
    add({"POST", std::string(path), std::string(permission), options, std::move(handler), {}, {}});
}

void Router::put(std::string_view path, std::string_view permission, Handler handler, RouteOptions options) {
    add({"PUT", std::string(path), std::string(permission), options, std::move(handler), {}, {}});
}

void Router::patch(
    std::string_view path, std::string_view permission, Handler handler, RouteOptions options
) {
    add({"PATCH", std::string(path), std::string(permission), options, std::move(handler), {}, {}});
}

void Router::del(std::string_view path, std::string_view permission, Handler handler, RouteOptions options) {
    add({"DELETE", std::string(path), std::string(permission), options, std::move(handler), {}, {}});
}

void Router::events(std::string_view path, std::string_view permission, EventHandler handler) {
    add({"GET", std::string(path), std::string(permission), {}, {}, std::move(handler), {}});
}

void Router::add(Route route) {
    CHECK(!route.permission.empty(), "a route names its permission, or kPublic");
    CHECK(
        (route.handler != nullptr) + (route.events != nullptr) + (route.stream != nullptr) == 1,
        "a route has one handler"
    );
    const std::vector<std::string> segments = split_pattern(route.pattern);
    Node* node = root_.get();
    std::vector<std::string> names;
    bool is_rest = false;
    for (const std::string& segment : segments) {
        CHECK(!is_rest, "a name for the rest of the path is the last segment");
        const bool is_name = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
        CHECK(is_name || segment.find_first_of("{}") == std::string::npos, "a name fills its whole segment");
        if (!is_name) {
            std::unique_ptr<Node>& next = node->fixed[segment];
            next = next ? std::move(next) : std::make_unique<Node>();
            node = next.get();
            continue;
        }
        is_rest = segment.ends_with("...}");
        names.push_back(segment.substr(1, segment.size() - (is_rest ? 5 : 2)));
        if (!is_rest) {
            node->named = node->named ? std::move(node->named) : std::make_unique<Node>();
            node = node->named.get();
        }
    }
    std::vector<Entry>& entries = is_rest ? node->rest : node->here;
    const bool is_new =
        std::ranges::none_of(entries, [&](const Entry& e) { return e.route->method == route.method; });
    CHECK(is_new, "one handler for one method and path");
    routes_.push_back(std::make_unique<Route>(std::move(route)));
    entries.push_back({routes_.back().get(), std::move(names)});
}

void Router::wrap_handlers(const std::function<Handler(const Route&, Handler)>& wrap) {
    for (const std::unique_ptr<Route>& route : routes_) {
        if (route->handler != nullptr) {
            Handler inner = std::move(route->handler);
            route->handler = wrap(*route, std::move(inner));
        }
    }
}

void Router::authenticate_with(Authenticator authenticator) {
    authenticator_ = std::move(authenticator);
}

void Router::otherwise(Handler handler) {
    otherwise_ = std::move(handler);
}

std::vector<const Route*> Router::routes() const {
    std::vector<const Route*> all;
    for (const auto& route : routes_) {
        all.push_back(route.get());
    }
    return all;
}

Router::Match Router::match(std::string_view method, const std::vector<std::string>& segments) const {
    std::vector<Found> found;
    std::vector<std::string> values;
    root_->find(segments, 0, values, found);
    Match match;
    for (Found& place : found) {
        if (const Entry* entry = entry_for(*place.entries, method)) {
            match.route = entry->route;
            for (std::size_t i = 0; i < entry->names.size(); ++i) {
                match.path_params.emplace_back(entry->names[i], std::move(place.values[i]));
            }
            return match;
        }
        add_methods(match.allow, *place.entries);
    }
    if (!match.allow.empty()) {
        match.allow += ", OPTIONS";
    }
    return match;
}

Result<Principal> Router::authenticate(const Request& request, const Route& route) const {
    if (route.permission == kPublic) {
        return Principal{};
    }
    if (!authenticator_) {
        return Error{ErrorCode::kUnauthorized, "this server knows no keys; only public routes answer"};
    }
    return authenticator_(request, route);
}

Response Router::answer(Request request) const {
    if (request.request_id.empty()) {
        request.request_id = new_id();
    }
    const auto respond = [&](Response response) {
        render_error(response, request.request_id);
        return response;
    };
    const Result<TargetPath> target = parse_target(request.target);
    Result<QueryParameters> query = QueryParameters::parse(target ? target->query : "");
    if (!target || !query) {
        return respond(reply(target ? query.error() : target.error()));
    }
    Match found = match(request.method, target->segments);
    if (!found.route || !found.route->handler) {
        return respond(
            reply(Error{ErrorCode::kNotFound, "no handler for " + request.method + " " + target->path})
        );
    }
    request.path = target->path;
    request.query = std::move(*query);
    request.pattern = found.route->pattern;
    request.path_params = std::move(found.path_params);
    Result<Principal> principal = authenticate(request, *found.route);
    if (!principal) {
        return respond(reply(principal.error()));
    }
    request.principal = std::move(*principal);
    return respond(found.route->handler(request));
}

}  // namespace capstan::http
