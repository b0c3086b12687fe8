#include "engine/grammar/string_formats.h"

#include <utility>

namespace capstan::engine {
namespace {

#define CAPSTAN_DATE                                                                                      \
    "[0-9]{4}-(02-(0[1-9]|1[0-9]|2[0-8])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|(0[13578]|1[02])-(0[1-9]|[12]" \
    "[0-9]|3[01]))"
#define CAPSTAN_TIME \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define CAPSTAN_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define CAPSTAN_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define CAPSTAN_WORD "[0-9A-Fa-f]{1,4}"

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", CAPSTAN_DATE},
    {"time", CAPSTAN_TIME},
    {"date-time", CAPSTAN_DATE "T" CAPSTAN_TIME},
    {"duration",
     "P([0-9]{1,4}W|[0-9]{1,4}D(T[0-9]{1,4}[HMS])?|[0-9]{1,4}Y([0-9]{1,4}M([0-9]{1,4}D)?)?|T([0-9]{1,4}H([0-"
     "9]"
     "{1,4}M([0-9]{1,4}S)?)?|[0-9]{1,4}M([0-9]{1,4}S)?|[0-9]{1,4}S))"},
    {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
    {"email",
     "[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,10}){0,3}@" CAPSTAN_LABEL "(\\." CAPSTAN_LABEL "){1,2}"},
    {"hostname", CAPSTAN_LABEL "(\\." CAPSTAN_LABEL "){0,2}"},
    {"ipv4", CAPSTAN_BYTE "(\\." CAPSTAN_BYTE "){3}"},
    {"ipv6",
     "(" CAPSTAN_WORD ":){7}" CAPSTAN_WORD "|::(" CAPSTAN_WORD "(:" CAPSTAN_WORD "){0,5})?|" CAPSTAN_WORD
     "::(" CAPSTAN_WORD "(:" CAPSTAN_WORD "){0,4})?|" CAPSTAN_WORD ":" CAPSTAN_WORD "::(" CAPSTAN_WORD
     "(:" CAPSTAN_WORD "){0,3})?"},
    {"uri",
     "[A-Za-z][A-Za-z0-9+.-]{1,20}://[A-Za-z0-9.-]{1,200}(:[0-9]{1,4})?(/"
     "[A-Za-z0-9._~!$&'()*+,;=:@-]{0,200}){0,"
     "20}(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,500})?(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,200})?"},
};

#undef CAPSTAN_DATE
#undef CAPSTAN_TIME
#undef CAPSTAN_LABEL
#undef CAPSTAN_BYTE
#undef CAPSTAN_WORD

}  // namespace

std::string_view expression_of_format(std::string_view format) {
    for (const auto& [name, expression] : kFormats) {
        if (name == format) {
            return expression;
        }
    }
    return {};
}

}  // namespace capstan::engine
