from __future__ import annotations

from wsss.report.curves import curve_charts, training_chart, trainings_of
from wsss.report.evaluations import load_evaluation


def test_curves_are_drawn_of_the_trainings_that_the_evaluation_knows(run):
    head = "step,epoch,learning_rate,loss,segmentation,boundary_saliency"
    rows = [f"{step},{step / 4},0.1,{4 / step},{2 / step},{2 / step}" for step in range(1, 9)]
    for place, column in (("classifier", "map"), ("segmenter/seeds", "miou"), ("segmenter/of_before", "miou")):
        (run.folder / place).mkdir(parents=True, exist_ok=True)
        lines = [f"{head},{column}", *(f"{row},{'' if number % 4 else 0.5}" for number, row in enumerate(rows, 1))]
        (run.folder / place / "curves.csv").write_text("\n".join(lines) + "\n")
    evaluation = load_evaluation(run.folder / "evaluation/metrics.json")
    found = trainings_of(evaluation)
    assert [training.title for training in found] == ["Classifier", "Network on seed labels"]
    chart = training_chart(found[1], 860)
    assert "part: boundary saliency" in chart
    assert "validation mIoU (top is 100 %): 50.0 at the end" in chart
    assert [name for name, _ in curve_charts({"": [evaluation]}, 860)] == ["Classifier", "Network on seed labels"]
