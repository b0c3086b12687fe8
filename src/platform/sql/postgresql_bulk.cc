// Bulk insert into PostgreSQL: COPY in its text format, which takes any column type.

#include <cstdlib>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "platform/sql/bulk_sink.h"
#include "platform/sql/failure.h"
#include "platform/sql/postgresql_statement.h"

namespace capstan::sql {
namespace {

constexpr std::size_t kSendBytes = std::size_t{256} << 10;
constexpr std::string_view kStaging = "capstan_bulk";

class PostgresqlBulk final : public BulkSink {
public:
    PostgresqlBulk(pg_conn* handle, const BulkTarget& target) : handle_(handle), target_(target) {
        if (target_.skips_repeated_keys) {
            run_postgresql_script(
                handle_,
                fmt::format(
                    "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0",
                    kStaging,
                    target_.column_list,
                    target_.table
                )
            );
        }
        const std::string into = target_.skips_repeated_keys ? std::string(kStaging) : target_.table;
        const Answer answer(
            PQexec(handle_, fmt::format("COPY {} ({}) FROM STDIN", into, target_.column_list).c_str())
        );
        if (PQresultStatus(answer.get()) != PGRES_COPY_IN) {
            throw_postgresql(handle_, answer.get());
        }
        is_copying_ = true;
    }

    ~PostgresqlBulk() override {
        if (is_copying_) {
            PQputCopyEnd(handle_, "the bulk insert was not finished");
            drain();
        }
    }

    void text(std::string_view value) override {
        begin_value();
        for (;;) {
            const std::size_t special = value.find_first_of("\\\n\r\t");
            line_ += value.substr(0, special);
            if (special == std::string_view::npos) {
                return;
            }
            line_ += '\\';
            line_ += escape_of(value[special]);
            value.remove_prefix(special + 1);
        }
    }

    void integer(std::int64_t value) override {
        begin_value();
        line_ += fmt::format_int(value).c_str();
    }

    void real(double value) override {
        begin_value();
        fmt::format_to(std::back_inserter(line_), "{}", value);
    }

    void boolean(bool value) override {
        begin_value();
        line_ += value ? 't' : 'f';
    }

    void blob(std::string_view value) override {
        constexpr std::string_view kDigits = "0123456789abcdef";
        begin_value();
        line_ += "\\\\x";
        for (const char c : value) {
            const auto byte = static_cast<unsigned char>(c);
            line_ += kDigits[byte >> 4U];
            line_ += kDigits[byte & 15U];
        }
    }

    void null() override {
        begin_value();
        line_ += "\\N";
    }

    void end_row() override {
        line_ += '\n';
        is_first_ = true;
        if (line_.size() >= kSendBytes) {
            send();
        }
    }

    std::int64_t finish() override {
        send();
        if (PQputCopyEnd(handle_, nullptr) != 1) {
            throw_postgresql(handle_, nullptr);
        }
        is_copying_ = false;
        const std::int64_t copied = drain();
        if (!target_.skips_repeated_keys) {
            return copied;
        }
        const std::int64_t inserted = run_postgresql(
            handle_,
            fmt::format(
                "INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING",
                target_.table,
                target_.column_list,
                target_.column_list,
                kStaging
            ),
            {},
            {}
        );
        run_postgresql_script(handle_, fmt::format("DROP TABLE {}", kStaging));
        return inserted;
    }

private:
    static char escape_of(char c) {
        switch (c) {
            case '\n':
                return 'n';
            case '\r':
                return 'r';
            case '\t':
                return 't';
            default:
                return c;
        }
    }

    void begin_value() {
        if (!is_first_) {
            line_ += '\t';
        }
        is_first_ = false;
    }

    void send() {
        if (!line_.empty() && PQputCopyData(handle_, line_.data(), static_cast<int>(line_.size())) != 1) {
            throw_postgresql(handle_, nullptr);
        }
        line_.clear();
    }

    // Takes what the server answers to the end of COPY. Throws unless the copy is being given up.
    std::int64_t drain() {
        std::int64_t rows = 0;
        Answer failed;
        for (Answer answer(PQgetResult(handle_)); answer; answer.reset(PQgetResult(handle_))) {
            if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) {
                rows = std::strtoll(PQcmdTuples(answer.get()), nullptr, 10);
            } else {
                failed = std::move(answer);
            }
        }
        if (failed && !is_copying_) {
            throw_postgresql(handle_, failed.get());
        }
        return rows;
    }

    pg_conn* handle_;
    const BulkTarget target_;
    std::string line_;  // Rows that are not sent yet.
    bool is_first_ = true;
    bool is_copying_ = false;
};

}  // namespace

std::unique_ptr<BulkSink> bulk_into_postgresql(pg_conn* handle, const BulkTarget& target) {
    return std::make_unique<PostgresqlBulk>(handle, target);
}

}  // namespace capstan::sql
