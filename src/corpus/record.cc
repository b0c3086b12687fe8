#include "corpus/record.h"

#include <utility>

namespace capstan::corpus {
namespace {

Result<std::string> read_text(const Json& json, std::string_view name) {
    auto text = json.get_string(name);
    if (text && text->empty()) {
        return Error{ErrorCode::kInvalid, "\"" + std::string(name) + "\" is empty"};
    }
    return text;
}

Result<std::string> read_id(const Json& json) {
    if (!json.contains("id")) {
        return std::string();
    }
    auto id = read_text(json, "id");
    if (id && id->size() > kIdBytesMax) {
        return Error{
            ErrorCode::kTooLarge,
            "\"id\" has " + std::to_string(id->size()) + " bytes; at most " + std::to_string(kIdBytesMax)
        };
    }
    return id;
}

Json object_or_empty(const Json& json) {
    return json.is_object() ? json : Json::object();
}

}  // namespace

std::string to_line(const Record& record) {
    std::string line = R"({"id":)";
    append_json_string(line, record.id);
    line += R"(,"text":)";
    append_json_string(line, record.text);
    line += R"(,"source":)" + record.source.dump() + R"(,"meta":)" + record.meta.dump() + "}";
    return line;
}

std::string to_line(const Pair& pair) {
    return Json::object({{"id", pair.id},
                         {"question", pair.question},
                         {"answer", pair.answer},
                         {"source", Json::object({{"page", pair.page}, {"record", pair.record}})}}
    ).dump();
}

Result<Record> record_from(const Json& json) {
    auto id = read_id(json);
    if (!id) {
        return id.error();
    }
    auto text = read_text(json, "text");
    if (!text) {
        return text.error();
    }
    return Record{
        .id = *std::move(id),
        .text = *std::move(text),
        .source = object_or_empty(json["source"]),
        .meta = object_or_empty(json["meta"]),
    };
}

Result<Pair> pair_from(const Json& json) {
    auto id = read_id(json);
    if (!id) {
        return id.error();
    }
    auto question = read_text(json, "question");
    if (!question) {
        return question.error();
    }
    auto answer = read_text(json, "answer");
    if (!answer) {
        return answer.error();
    }
    return Pair{
        .id = *std::move(id),
        .question = *std::move(question),
        .answer = *std::move(answer),
        .page = json["source"].string_or("page", ""),
        .record = json["source"].string_or("record", ""),
    };
}

}  // namespace capstan::corpus
