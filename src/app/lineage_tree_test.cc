#include "app/lineage_tree.h"

#include <gtest/gtest.h>

namespace capstan::app {
namespace {

std::string drawn(std::string_view json) {
    return render_lineage_tree(parse_json(json).value());
}

TEST(LineageTree, DrawsASharedNodeOnce) {
    EXPECT_EQ(
        drawn(R"({"root": "response:1", "is_cut": false,
            "nodes": [{"id": "response:1", "label": "answer"}, {"id": "run:2", "label": "base"},
                      {"id": "tokenizer:3", "label": "bpe"}, {"id": "dataset_commit:4", "label": "man"}],
            "edges": [{"from": "response:1", "to": "run:2", "relation": "produced_by"},
                      {"from": "run:2", "to": "dataset_commit:4", "relation": "trained_on"},
                      {"from": "run:2", "to": "tokenizer:3", "relation": "tokenized_by"},
                      {"from": "tokenizer:3", "to": "dataset_commit:4", "relation": "trained_on"},
                      {"from": "dataset_commit:4", "to": "source:manpages", "relation": "curated_from"}]})"),
        "answer  response:1\n"
        "└─ produced by: base  run:2\n"
        "   ├─ trained on: man  dataset_commit:4\n"
        "   │  └─ curated from: source:manpages\n"
        "   └─ tokenized by: bpe  tokenizer:3\n"
        "      └─ trained on: man  dataset_commit:4  (above)\n"
    );
}

TEST(LineageTree, ShowsWhatCameOfTheRootToo) {
    EXPECT_EQ(
        drawn(R"({"root": "run:2", "is_cut": true, "nodes": [],
            "edges": [{"from": "model:1", "to": "run:2", "relation": "produced_by"}]})"),
        "run:2\n"
        "What came of it:\n"
        "└─ ◂ produced by: model:1\n"
        "… there is more: walk on from a node above\n"
    );
}

// Lineage has no circles; an answer that had one would still end.
TEST(LineageTree, EndsOnACircle) {
    EXPECT_EQ(
        drawn(R"({"root": "a", "edges": [{"from": "a", "to": "b", "relation": "r"},
                                         {"from": "b", "to": "a", "relation": "r"}]})"),
        "a\n└─ r: b\n   └─ r: a\n      └─ r: b  (above)\n"
        "What came of it:\n└─ ◂ r: b\n   └─ ◂ r: a\n      └─ ◂ r: b  (above)\n"
    );
    EXPECT_EQ(drawn("{}"), "\n");
}

}  // namespace
}  // namespace capstan::app
