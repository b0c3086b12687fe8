#pragma once

// The two things that flow through a corpus: a record (a text with where it came from) and a pair (a question
// with its answer). Outside this program each is one JSON object a line.

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace capstan::corpus {

constexpr std::size_t kIdBytesMax = 512;

// {"id","text","source":{…},"meta":{…}}
struct Record {
    std::string id;    // Unique in its corpus.
    std::string text;  // UTF-8 once it is normalised; before that, any bytes.
    Json source = Json::object();
    Json meta = Json::object();
};

// {"id","question","answer","source":{"page","record"}}
struct Pair {
    std::string id;
    std::string question;
    std::string answer;
    std::string page;    // Such as "ls(1)"; empty when there is none.
    std::string record;  // The id of the record that it was made from; empty when there is none.
};

// One line, without its newline.
std::string to_line(const Record& record);
std::string to_line(const Pair& pair);

// kInvalid, saying which member is wrong. Members that are not ours are left out.
Result<Record> record_from(const Json& json);
Result<Pair> pair_from(const Json& json);

}  // namespace capstan::corpus
