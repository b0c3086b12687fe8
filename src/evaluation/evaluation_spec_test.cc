#include "evaluation/evaluation_spec.h"

#include <string_view>

#include <gtest/gtest.h>

namespace capstan::evaluation {
namespace {

Result<EvaluationSpec> read(std::string_view text) {
    return evaluation_spec_from(parse_json(text).value());
}

TEST(EvaluationSpec, ReadsAllThatItIsTold) {
    const auto spec = read(R"({"targets": [{"label": "base", "model_dir": "/m"},
        {"label": "adapted", "model_dir": "/m", "adapter_dir": "/a"}],
        "heldout": ["/h"], "pairs": ["/p", "/q"], "documents_max": 5, "document_tokens_max": 6,
        "questions_max": 7, "answer_tokens_max": 8, "seed": 9, "threads": 1,
        "gate": {"rouge_l_p_value_max": 0.5, "perplexity_ratio_max": 3}})");
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->targets[1].adapter_dir, "/a");
    EXPECT_TRUE(spec->targets[0].adapter_dir.empty());
    EXPECT_EQ(spec->pairs.size(), 2U);
    EXPECT_EQ(spec->documents_max, 5U);
    EXPECT_EQ(spec->document_tokens_max, 6U);
    EXPECT_EQ(spec->questions_max, 7U);
    EXPECT_EQ(spec->answer_tokens_max, 8);
    EXPECT_EQ(spec->seed, 9U);
    EXPECT_EQ(spec->threads, 1);
    EXPECT_EQ(spec->gate.rouge_l_p_value_max, 0.5);
    EXPECT_EQ(spec->gate.perplexity_ratio_max, 3);
}

TEST(EvaluationSpec, HasDefaultsForAllButWhatToCompare) {
    const auto spec = read(R"({"targets": [{"label": "a", "model_dir": "/m"}], "heldout": ["/h"]})");
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->gate.rouge_l_p_value_max, 0.05);
    EXPECT_EQ(spec->questions_max, 200U);
}

// What is wrong, and the member that the message must name.
struct Hostile {
    std::string_view json;
    std::string_view named;
};

TEST(EvaluationSpec, RefusesWhatItCannotMeanAndNamesIt) {
    for (const auto& [json, named] : {
             Hostile{"7", "object"},
             {"[]", "object"},
             {"{}", "targets"},
             {R"({"targets": []})", "targets"},
             {R"({"targets": {}})", "targets"},
             {R"({"targets": [5]})", "targets"},
             {R"({"targets": [{"label": "a"}]})", "model_dir"},
             {R"({"targets": [{"model_dir": "/m"}]})", "label"},
             {R"({"targets": [{"label": "a", "model_dir": "/m", "secret": 1}]})", "secret"},
             {R"({"targets": [{"label": "a", "model_dir": "/m"}, {"label": "a", "model_dir": "/n"}]})",
              "label"},
             {R"({"targets": [{"label": "a", "model_dir": "/m"}]})", "heldout"},
             {R"({"targets": [{"label": "a", "model_dir": "/m"}], "heldout": "x"})", "heldout"},
             {R"({"targets": [{"label": "a", "model_dir": "/m"}], "pairs": [1]})", "pairs"},
         }) {
        const auto spec = read(json);
        ASSERT_FALSE(spec) << json;
        EXPECT_EQ(spec.error().code, ErrorCode::kInvalid);
        EXPECT_TRUE(spec.error().message.contains(named)) << json << ": " << spec.error().message;
    }
}

TEST(EvaluationSpec, RefusesSettingsOutOfRangeAndUnknownOnes) {
    for (const std::string member :
         {R"("documents_max": 0)",
          R"("documents_max": 1e99)",
          R"("document_tokens_max": 1)",
          R"("questions_max": -1)",
          R"("answer_tokens_max": 5000)",
          R"("answer_tokens_max": "8")",
          R"("seed": -1)",
          R"("threads": 0)",
          R"("gate": 5)",
          R"("gate": {"rouge": 1})",
          R"("gate": {"rouge_l_p_value_max": -0.1})",
          R"("gate": {"perplexity_ratio_max": "2"})",
          R"("document_max": 5)"}) {
        const auto spec =
            read(R"({"targets": [{"label": "a", "model_dir": "/m"}], "heldout": ["/h"], )" + member + "}");
        ASSERT_FALSE(spec) << member;
        EXPECT_EQ(spec.error().code, ErrorCode::kInvalid);
    }
}

}  // namespace
}  // namespace capstan::evaluation
