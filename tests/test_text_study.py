"""Optimiser studies of language models: the text, the preset and the flags that concern them."""

import pytest
from test_text import CORPUS

from experiments import text
from jaxgen.data.text import texts
from jaxgen.study import tasks
from jaxgen.techniques.text import gpt


@pytest.mark.ci
def test_a_study_reads_a_text(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS)
    argv = [f"--corpus={path}", "--dataset=digits", "--resident_mb=7", "--batch_size=4", "--steps=5"]
    found = tasks.make_task("language:nano_cpu", {"language": text.EXPERIMENT}, argv, 2, ["sgd", "adamw"])
    assert found.task.metric == "bits_per_char"
    assert found.config.vocabulary == texts.load(str(path)).vocabulary
    assert (found.config.batch, found.module, found.config.reading.context) == (4, gpt, 64)
    assert found.problem.steps == 5
    assert found.task.judged == found.problem.judged == "valid"  # the preset's splits are 90/10/0
    assert found.identity["data"] == texts.load(str(path)).sha256
