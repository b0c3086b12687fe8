#include <algorithm>

#include <boost/asio/ssl/context.hpp>

#include "base/clock.h"
#include "platform/http/client_connection.h"

namespace capstan::http {

namespace asio = boost::asio;

ClientCore::ClientCore(ClientOptions given) : options(std::move(given)) {}

ClientCore::~ClientCore() = default;

Result<asio::ssl::context*> ClientCore::tls() {
    const std::scoped_lock lock(mutex_);
    if (!tls_ && !tls_failure_) {
        tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
        SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
        boost::system::error_code failure;
        if (options.tls.ca_file.empty()) {
            tls_->set_default_verify_paths(failure);
        } else {
            tls_->load_verify_file(options.tls.ca_file.string(), failure);
        }
        tls_->set_verify_mode(options.tls.verify_peer ? asio::ssl::verify_peer : asio::ssl::verify_none);
        if (failure) {
            tls_failure_ = Error{
                ErrorCode::kInvalid,
                "cannot read certificates " + options.tls.ca_file.string() + ": " + failure.message()
            };
        }
    }
    if (tls_failure_) {
        return *tls_failure_;
    }
    return tls_.get();
}

std::shared_ptr<ClientConnection> ClientCore::take(const Url& url) {
    std::vector<Idle> dropped;  // Closed after the lock.
    const std::scoped_lock lock(mutex_);
    const std::int64_t oldest_ms = monotonic_now_ms() - options.idle_connection_ms_max;
    for (auto idle = idle_.end(); idle != idle_.begin();) {
        --idle;
        const bool is_good = idle->since_ms >= oldest_ms && idle->connection->is_reusable();
        if (is_good && !idle->connection->is_to(url)) {
            continue;
        }
        Idle taken = std::move(*idle);
        idle = idle_.erase(idle);
        if (is_good) {
            return taken.connection;
        }
        dropped.push_back(std::move(taken));
    }
    return nullptr;
}

void ClientCore::give_back(std::shared_ptr<ClientConnection> connection) {
    if (!connection->is_reusable()) {
        return;
    }
    std::shared_ptr<ClientConnection> oldest;  // Closed after the lock.
    const std::scoped_lock lock(mutex_);
    if (options.idle_connections_max == 0) {
        return;
    }
    if (idle_.size() >= options.idle_connections_max) {
        oldest = std::move(idle_.front().connection);
        idle_.erase(idle_.begin());
    }
    idle_.push_back({std::move(connection), monotonic_now_ms()});
}

}  // namespace capstan::http
