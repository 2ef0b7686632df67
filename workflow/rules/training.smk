# Short- and long-ranged models by one training loop (paper, S1.0.2 and S1.1.1).
import re


rule train:
    """Train a model; a killed training resumes from its last epoch."""
    input:
        train=lambda w: f"<results>/datasets/{CONFIG.potentials[w.potential].dataset}/train.extxyz",
        validation=lambda w: f"<results>/datasets/{CONFIG.potentials[w.potential].dataset}/validation.extxyz",
    output:
        weights="<results>/models/{potential}/weights.pt",
        description="<results>/models/{potential}/model.json",
        history="<results>/models/{potential}/history.csv",
    log:
        "<logs>/train/{potential}.log",
    benchmark:
        "<benchmarks>/train/{potential}.tsv"
    wildcard_constraints:
        potential="|".join(map(re.escape, CONFIG.trained_potentials)) or "none",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=settings(
            "potentials/{potential}",
            "training",
            "seed",
            exclude={"duration_ps", "replicas", "label"},
        ),
    script:
        "../scripts/train.py"


rule evaluate:
    """Errors of a model on the held-out test frames."""
    input:
        weights=rules.train.output.weights,
        description=rules.train.output.description,
        test=lambda w: f"<results>/datasets/{CONFIG.potentials[w.potential].dataset}/test.extxyz",
    output:
        "<results>/models/{potential}/errors.csv",
    log:
        "<logs>/evaluate/{potential}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=settings("training/dtype", "seed"),
    script:
        "../scripts/evaluate.py"
