# Short- and long-ranged models by one training loop (paper, S1.0.2 and S1.1.1).
import re

rule train:
    """Train a model; a killed training resumes from its last epoch."""
    input:
        train=lambda w: f"{OUT}/datasets/{CONFIG.potentials[w.potential].dataset}/train.extxyz",
        validation=lambda w: f"{OUT}/datasets/{CONFIG.potentials[w.potential].dataset}/validation.extxyz",
    output:
        weights=OUT + "/models/{potential}/weights.pt",
        description=OUT + "/models/{potential}/model.json",
        history=OUT + "/models/{potential}/history.csv",
    log:
        OUT + "/logs/train/{potential}.log",
    benchmark:
        OUT + "/benchmarks/train/{potential}.tsv"
    params:
        settings=settings(
            "potentials/{potential}", "training", "seed", exclude={"duration_ps", "replicas", "label"}
        ),
        checkpoint=OUT + "/models/{potential}/checkpoint.pt",
    wildcard_constraints:
        potential="|".join(map(re.escape, CONFIG.trained_potentials)) or "none",
    threads: 1
    resources:
        mem_mb=2500,
    script:
        "../scripts/train.py"


rule evaluate:
    """Errors of a model on the held-out test frames."""
    input:
        weights=rules.train.output.weights,
        description=rules.train.output.description,
        test=lambda w: f"{OUT}/datasets/{CONFIG.potentials[w.potential].dataset}/test.extxyz",
    output:
        OUT + "/models/{potential}/errors.csv",
    log:
        OUT + "/logs/evaluate/{potential}.log",
    params:
        settings=settings("training/dtype", "seed"),
    threads: 1
    resources:
        mem_mb=2500,
    script:
        "../scripts/evaluate.py"
