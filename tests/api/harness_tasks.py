"""Three small tasks for lm-evaluation-harness, of its three kinds of requests, with documents of their own, and what it says of a model."""
import json
import pathlib
import random

TOWNS = ["Bern", "Oslo", "Köln", "Łódź", "Reykjavík", "東京", "Lima", "Cairo"]
CONTEXT = 256  # Tokens of a prompt; the longest text of `reads` has several windows of it.


def documents():
    """Of each task by its name; always the same."""
    chance = random.Random(11)
    asks, reads, writes = [], [], []
    for i in range(40):
        choices = chance.sample(TOWNS, 4)
        asks.append({"question": f"{i} roads lead from {chance.choice(TOWNS)} to", "choices": choices, "answer": chance.randrange(4)})
    for words in (1, 3, 20, 60, 150):
        reads.append({"text": " ".join(chance.choice(TOWNS) for _ in range(words))})
    for _ in range(10):
        writes.append({"question": f"{chance.choice(TOWNS)} and {chance.choice(TOWNS)} and", "answer": chance.choice(TOWNS)})
    return {"asks": asks, "reads": reads, "writes": writes}


TASKS = {
    "asks": {
        "output_type": "multiple_choice", "doc_to_text": "{{question}}", "doc_to_choice": "{{choices}}", "doc_to_target": "{{answer}}",
        "num_fewshot": 0, "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")],
    },
    "reads": {
        "output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "{{text}}",
        "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
    },
    "writes": {
        "output_type": "generate_until", "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}", "num_fewshot": 0,
        "generation_kwargs": {"until": ["\n", "zz"], "max_gen_toks": 24, "temperature": 0, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
}


def write_tasks(folder):
    """JSON is YAML."""
    for name, lines in documents().items():
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        task = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}}, "test_split": "test", **TASKS[name]}
        (folder / f"{name}.yaml").write_text(json.dumps(task))


def evaluate(folder, model):
    """What the harness says of a model: `results` by task and metric, and `answers` by task: of each document what the model answered."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    write_tasks(pathlib.Path(folder))
    seen = lm_eval.simple_evaluate(
        model=model, tasks=list(TASKS), task_manager=TaskManager(include_path=str(folder), include_defaults=False), bootstrap_iters=0)
    results = {task: {name.split(",")[0]: value for name, value in by.items() if isinstance(value, float) and "stderr" not in name}
               for task, by in seen["results"].items()}
    answers = {task: [sample["filtered_resps"] for sample in sorted(samples, key=lambda sample: sample["doc_id"])]
               for task, samples in seen["samples"].items()}
    return {"results": results, "answers": answers}
