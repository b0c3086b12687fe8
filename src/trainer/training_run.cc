#include "trainer/training_run.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "trainer/checkpoint_store.h"
#include "trainer/export_folder.h"
#include "trainer/learner.h"
#include "trainer/optimizer.h"
#include "trainer/random_order.h"
#include "trainer/run_inputs.h"
#include "trainer/run_state.h"
#include "trainer/schedule.h"

namespace capstan::trainer {
namespace {

constexpr std::int64_t kEvaluations = 10;  // In a run, when the specification does not say.
constexpr double kBudgetShare = 0.97;      // The rest is for the last checkpoint.
constexpr std::int64_t kReplanEverySteps = 32;
constexpr double kReplanDeviation = 0.1;
constexpr double kReplanUntil = 0.8;  // Later, a plan only becomes shorter.

// Whether `every_s` has passed since `last_ms`, or there was no last.
bool is_due(std::optional<std::int64_t> last_ms, double every_s) {
    return !last_ms || static_cast<double>(monotonic_now_ms() - *last_ms) >= every_s * 1000;
}

class TrainingRun {
public:
    TrainingRun(const JobDirectory& job, const TrainSpec& spec)
        : job_(job), spec_(spec), store_(job.work() / "checkpoints", spec.checkpoints_kept) {}

    Result<Json> run() {
        for (const auto part :
             {&TrainingRun::load, &TrainingRun::start, &TrainingRun::resume, &TrainingRun::train}) {
            if (auto done = (this->*part)(); !done) {
                return done.error();
            }
        }
        return export_result();
    }

private:
    const JobDirectory& job_;
    const TrainSpec& spec_;
    CheckpointStore store_;
    StartingModel model_;
    std::unique_ptr<RunData> data_;
    std::unique_ptr<Learner> learner_;
    std::optional<Optimizer> optimizer_;
    std::optional<StepPlan> plan_;
    RunState state_;
    Pace pace_;
    CheckpointSearch search_;
    std::int64_t clock_ms_ = 0;  // The moment up to which state_.spent_s counts.
    std::int64_t checkpoint_ms_ = 0;
    std::optional<std::int64_t> report_ms_;  // Of the last report; none: the next is due.
    double gradient_norm_ = 0;
    double last_loss_ = 0;
    std::int64_t step_tokens_ = 0;

    Result<void> load();
    Result<void> start();
    Result<void> resume();
    Result<void> train();
    Result<void> train_step();
    Result<double> accumulate_step();
    Result<void> evaluate();
    Result<void> decide_total();
    Result<void> save();
    void count_time();

    bool is_done() const { return total() > 0 && state_.step >= total(); }

    std::int64_t total() const { return spec_.steps > 0 ? spec_.steps : plan_->total_at(state_.step); }

    bool evaluation_is_due() const;
    double remaining_s() const;
    Result<void> report(std::string message);
    Result<Json> export_result();
};

Result<void> TrainingRun::load() {
    if (auto reported = report("reading the model and the data"); !reported) {
        return reported;
    }
    auto model = load_model(spec_);
    if (!model) {
        return model.error();
    }
    model_ = std::move(*model);
    auto data = load_data(spec_, model_, job_.work());
    if (!data) {
        return data.error();
    }
    data_ = std::move(*data);
    return {};
}

Result<void> TrainingRun::start() {
    const bool adapts = spec_.task == Task::kLora;
    const auto layout = adapts ? lora_parameters(model_.shape, spec_.lora) : llama_parameters(model_.shape);
    auto values = model_.values.empty() ? layout.initial_values(spec_.seed) : std::move(model_.values);
    const LearnerSettings settings{model_.shape, spec_.lora, static_cast<std::size_t>(spec_.threads)};
    auto learner = Learner::make(settings, std::move(values), std::move(model_.frozen));
    if (!learner) {
        return learner.error();
    }
    learner_ = std::move(*learner);
    optimizer_.emplace(spec_.optimizer, learner_->layout(), learner_->team());
    auto plan = StepPlan::open(job_.work() / "plan.json");
    if (!plan) {
        return plan.error();
    }
    plan_ = std::move(*plan);
    state_.fingerprint = spec_.fingerprint;
    state_.seed = spec_.seed;
    return {};
}

Result<void> TrainingRun::resume() {
    auto search = store_.newest([&](const std::filesystem::path& folder) -> Result<void> {
        auto snapshot = read_snapshot(folder, learner_->layout(), spec_.fingerprint);
        if (!snapshot) {
            return snapshot.error();
        }
        std::ranges::copy(snapshot->values, learner_->values().begin());
        optimizer_->restore(std::move(snapshot->optimizer));
        state_ = std::move(snapshot->state);
        return {};
    });
    if (!search) {
        return search.error();
    }
    search_ = std::move(*search);
    clock_ms_ = checkpoint_ms_ = monotonic_now_ms();
    if (search_.step) {
        log_info("resumed", {{"step", state_.step}, {"steps_total", total()}});
        return report(fmt::format("resumed at step {}", state_.step));
    }
    return evaluate();
}

void TrainingRun::count_time() {
    const std::int64_t now = monotonic_now_ms();
    state_.spent_s += static_cast<double>(now - clock_ms_) / 1000;
    clock_ms_ = now;
}

Result<void> TrainingRun::train() {
    while (!is_done()) {
        if (stop_requested()) {
            auto saved = save();
            return saved ? Error{ErrorCode::kCancelled, fmt::format("stopped at step {}", state_.step)}
                         : saved.error();
        }
        if (auto stepped = train_step(); !stepped) {
            return stepped;
        }
        if (auto decided = decide_total(); !decided) {
            return decided;
        }
        if (evaluation_is_due()) {
            if (auto evaluated = evaluate(); !evaluated) {
                return evaluated;
            }
        }
        if (is_done() || is_due(report_ms_, spec_.report_every_s)) {
            if (auto reported = report(is_done() ? "trained" : "training"); !reported) {
                return reported;
            }
        }
        if (!is_done() && is_due(checkpoint_ms_, spec_.checkpoint_every_s)) {
            if (auto saved = save(); !saved) {
                return saved;
            }
        }
        count_time();
    }
    return save();
}

// The gradient of the mean over all learnt tokens of the step, however they are spread over batches.
Result<double> TrainingRun::accumulate_step() {
    std::vector<Batch> batches;
    step_tokens_ = 0;
    for (std::int64_t i = 0; i < spec_.batch.accumulate; ++i) {
        batches.push_back(data_->train->batch(state_.step * spec_.batch.accumulate + i));
        step_tokens_ += batches.back().learnt_tokens;
    }
    learner_->clear_gradients();
    double loss = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
        const std::uint64_t seed = mix_seed(mix_seed(spec_.seed, static_cast<std::uint64_t>(state_.step)), i);
        const auto sum = learner_->accumulate(batches[i], 1.0 / static_cast<double>(step_tokens_), seed);
        if (!sum) {
            return sum.error();
        }
        loss += *sum / static_cast<double>(step_tokens_);
    }
    learner_->sum_gradients();
    return loss;
}

Result<void> TrainingRun::train_step() {
    const std::int64_t begin_us = monotonic_now_us();
    const auto loss = accumulate_step();
    if (!loss) {
        return loss.error();
    }
    if (!std::isfinite(*loss)) {
        return Error{
            ErrorCode::kInvalid,
            fmt::format("the loss is not finite at step {}: lower optimizer.learning_rate", state_.step)
        };
    }
    const double rate = learning_rate_at(spec_.optimizer, state_.step, total());
    gradient_norm_ = optimizer_->step(learner_->values(), learner_->gradient(), rate);
    last_loss_ = *loss;
    state_.add_loss(*loss);
    state_.tokens += step_tokens_;
    ++state_.step;
    state_.steps_total = total();
    pace_.add_step(static_cast<double>(monotonic_now_us() - begin_us) / 1e6);
    count_time();
    return {};
}

double TrainingRun::remaining_s() const {
    const std::int64_t ahead =
        total() > 0 && spec_.eval_every_steps > 0
            ? (total() - state_.step) / spec_.eval_every_steps + 1
            : kEvaluations * (total() - state_.step) / std::max<std::int64_t>(total(), 1) + 1;
    const double evaluations = state_.evaluation_s * static_cast<double>(total() > 0 ? ahead : kEvaluations);
    return spec_.time_budget_s * kBudgetShare - state_.spent_s - evaluations;
}

// Finds how many steps fit the budget, and corrects that when the machine turns out faster or slower.
Result<void> TrainingRun::decide_total() {
    if (spec_.steps > 0 || !pace_.is_calibrated()) {
        return {};
    }
    const std::int64_t feasible =
        std::max<std::int64_t>(state_.step + pace_.steps_in(remaining_s()), state_.step);
    const auto planned = static_cast<double>(total());
    if (total() > 0) {
        const double deviation = (static_cast<double>(feasible) - planned) / planned;
        const bool late = static_cast<double>(state_.step) > kReplanUntil * planned;
        if (state_.step % kReplanEverySteps != 0 || std::abs(deviation) < kReplanDeviation ||
            (late && deviation > 0)) {
            return {};
        }
    }
    log_info("planned", {{"step", state_.step}, {"steps_total", feasible}, {"step_s", pace_.step_s()}});
    auto decided = plan_->decide({state_.step, std::max<std::int64_t>(feasible, 1)});
    state_.steps_total = total();
    return decided;
}

bool TrainingRun::evaluation_is_due() const {
    if (is_done() || total() == 0) {
        return is_done();
    }
    const std::int64_t every = spec_.eval_every_steps > 0 ? spec_.eval_every_steps
                                                          : std::max<std::int64_t>(1, total() / kEvaluations);
    // Not just before the end, which is evaluated anyway.
    return state_.step % every == 0 && total() - state_.step > every / 2;
}

Result<void> TrainingRun::evaluate() {
    if (data_->heldout.empty()) {
        return {};
    }
    const std::int64_t begin_us = monotonic_now_us();
    double loss = 0;
    std::int64_t tokens = 0;
    for (const Batch& batch : data_->heldout) {
        const auto sum = learner_->loss_sum(batch);
        if (!sum) {
            return sum.error();
        }
        loss += *sum;
        tokens += batch.learnt_tokens;
    }
    state_.heldout_loss = loss / static_cast<double>(std::max<std::int64_t>(tokens, 1));
    state_.evaluation_s = static_cast<double>(monotonic_now_us() - begin_us) / 1e6;
    report_ms_.reset();
    count_time();
    return {};
}

Result<void> TrainingRun::save() {
    count_time();
    const auto saved = store_.save(state_.step, [&](const std::filesystem::path& folder) {
        return write_snapshot(folder, learner_->layout(), {state_, learner_->values(), optimizer_->state()});
    });
    checkpoint_ms_ = monotonic_now_ms();
    return saved;
}

Result<void> TrainingRun::report(std::string message) {
    report_ms_ = monotonic_now_ms();
    JobProgress progress{
        .time_ms = 0,
        .step = state_.step,
        .steps_total = plan_ ? total() : spec_.steps,
        .message = std::move(message),
        .metrics = {}
    };
    if (state_.step > 0 && step_tokens_ > 0) {
        const double step_s = std::max(pace_.step_s(), 1e-6);
        progress.metrics = {
            {"loss", last_loss_},
            {"learning_rate", learning_rate_at(spec_.optimizer, state_.step - 1, total())},
            {"tokens_per_second", pace_.step_s() > 0 ? static_cast<double>(step_tokens_) / step_s : 0},
            {"grad_norm", gradient_norm_},
            {"tokens", static_cast<double>(state_.tokens)},
        };
        if (total() > 0) {
            progress.metrics["eta_s"] = static_cast<double>(total() - state_.step) * pace_.step_s();
        }
    }
    if (state_.heldout_loss) {
        progress.metrics["heldout_loss"] = *state_.heldout_loss;
    }
    return job_.report(progress);
}

Result<Json> TrainingRun::export_result() {
    const TensorViews tensors = learner_->layout().views(learner_->values());
    Json value = Json::object();
    Result<void> exported;
    if (spec_.task == Task::kLora) {
        value.set("adapter_dir", "out/adapter");
        exported = export_adapter(job_.out() / "adapter", spec_.lora, spec_.base_model.string(), tensors);
    } else {
        value.set("model_dir", "out/model");
        exported = export_model(
            job_.out() / "model",
            {model_.shape, model_.end_tokens, model_.tokenizer, model_.tokenizer_config},
            tensors
        );
    }
    if (!exported) {
        return exported.error();
    }
    Json skipped = Json::array();
    for (const auto& [name, reason] : search_.skipped) {
        skipped.push(Json::object({{"checkpoint", name}, {"reason", reason}}));
    }
    value.set("steps", state_.step);
    value.set("tokens", state_.tokens);
    value.set("parameters", parameter_count(model_.shape));
    value.set("final_loss", state_.mean_recent_loss());
    value.set("heldout_loss", state_.heldout_loss);
    value.set("training_s", state_.spent_s);
    value.set("resumed_from_step", search_.step);
    value.set("skipped_checkpoints", std::move(skipped));
    return value;
}

}  // namespace

Result<Json> run_training(const JobDirectory& job, const TrainSpec& spec) {
    return TrainingRun(job, spec).run();
}

}  // namespace capstan::trainer
