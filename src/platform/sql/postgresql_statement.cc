#include "platform/sql/postgresql_statement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "platform/sql/failure.h"
#include "platform/sql/placeholder.h"

namespace capstan::sql {
namespace {

// Type OIDs, from PostgreSQL's catalog/pg_type.dat; they never change.
constexpr Oid kBoolOid = 16;
constexpr Oid kBytesOid = 17;
constexpr Oid kInt8Oid = 20;
constexpr Oid kTextOid = 25;
constexpr Oid kFloat8Oid = 701;

template <typename Number>
std::optional<Number> number_from(std::string_view text) {
    Number value{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

class PostgresqlCells : public Cells {
public:
    explicit PostgresqlCells(const PGresult* answer) : answer_(answer) {}

    void move_to(int row) { row_ = row; }

    int count() const override { return PQnfields(answer_); }

    std::string_view name(int column) const override { return PQfname(answer_, column); }

    bool is_null(int column) const override { return PQgetisnull(answer_, row_, column) == 1; }

    std::string_view text(int column) const override {
        return {
            PQgetvalue(answer_, row_, column), static_cast<std::size_t>(PQgetlength(answer_, row_, column))
        };
    }

    std::optional<std::int64_t> integer(int column) const override {
        return PQftype(answer_, column) == kTextOid ? std::nullopt : number_from<std::int64_t>(text(column));
    }

    std::optional<double> real(int column) const override {
        return PQftype(answer_, column) == kTextOid ? std::nullopt : number_from<double>(text(column));
    }

    std::string blob(int column) const override {
        const std::string_view hex = text(column);
        std::size_t size = 0;
        auto* bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(hex.data()), &size);
        if (bytes == nullptr) {
            throw Failure({.code = ErrorCode::kUnavailable, .message = "no memory for a blob"});
        }
        std::string value(reinterpret_cast<const char*>(bytes), size);
        PQfreemem(bytes);
        return value;
    }

private:
    const PGresult* answer_;
    int row_ = 0;
};

// The parameters of one statement in the form that libpq wants.
struct Parameters {
    std::vector<std::string> owned;  // Texts of numbers; never grows after reserve, so pointers stay.
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;

    void add(Oid type, const char* value, std::size_t length = 0, int format = 0) {
        types.push_back(type);
        values.push_back(value);
        lengths.push_back(static_cast<int>(length));
        formats.push_back(format);
    }

    void add_number(Oid type, std::string text) {
        owned.push_back(std::move(text));
        add(type, owned.back().c_str());
    }

    void operator()(Null value) {
        constexpr std::array<Oid, 6> kTypes{0, kBoolOid, kInt8Oid, kFloat8Oid, kTextOid, kBytesOid};
        add(kTypes.at(value.type), nullptr);
    }

    void operator()(bool value) { add(kBoolOid, value ? "t" : "f"); }

    void operator()(std::int64_t value) { add_number(kInt8Oid, std::to_string(value)); }

    void operator()(double value) { add_number(kFloat8Oid, fmt::format("{}", value)); }

    void operator()(const std::string& value) { add(kTextOid, value.c_str()); }

    void operator()(const Blob& value) { add(kBytesOid, value.bytes.data(), value.bytes.size(), 1); }
};

Parameters parameters_for(const NumberedStatement& numbered, const Binds& binds) {
    Parameters parameters;
    parameters.owned.reserve(numbered.names.size());
    for (const std::string_view name : numbered.names) {
        const auto bind = std::ranges::find(binds, name, &Bind::name);
        if (bind == binds.end()) {
            throw Failure({.message = fmt::format("placeholder :{} is not bound in: {}", name, numbered.text)}
            );
        }
        std::visit(parameters, bind->value.storage());
    }
    if (numbered.names.size() != binds.size()) {
        throw Failure({.message = "a bound name has no placeholder in: " + numbered.text});
    }
    return parameters;
}

void check_answer(PGconn* handle, const PGresult* answer) {
    const ExecStatusType status = PQresultStatus(answer);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        throw_postgresql(handle, answer);
    }
}

}  // namespace

void ClearAnswer::operator()(pg_result* answer) const {
    PQclear(answer);
}

std::int64_t run_postgresql(
    pg_conn* handle,
    std::string_view statement,
    const Binds& binds,
    const std::function<void(const Row&)>& visit
) {
    const NumberedStatement numbered = number_placeholders(statement);
    const Parameters parameters = parameters_for(numbered, binds);
    const Answer answer(PQexecParams(
        handle,
        numbered.text.c_str(),
        static_cast<int>(parameters.values.size()),
        parameters.types.data(),
        parameters.values.data(),
        parameters.lengths.data(),
        parameters.formats.data(),
        0
    ));
    check_answer(handle, answer.get());
    if (visit) {
        PostgresqlCells cells(answer.get());
        for (int i = 0; i < PQntuples(answer.get()); ++i) {
            cells.move_to(i);
            visit(Row(cells));
        }
    }
    const char* command = PQcmdStatus(answer.get());
    if (std::strncmp(command, "SELECT", 6) == 0) {
        return 0;
    }
    return number_from<std::int64_t>(PQcmdTuples(answer.get())).value_or(0);
}

Answer run_postgresql_script(pg_conn* handle, const std::string& script) {
    Answer answer(PQexec(handle, script.c_str()));
    check_answer(handle, answer.get());
    return answer;
}

}  // namespace capstan::sql
