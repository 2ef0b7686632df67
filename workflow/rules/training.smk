# Short- and long-ranged models by one training loop (paper, S1.0.2 and S1.1.1).
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
        potential=one_of(CONFIG.trained_potentials),
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
            exclude={"runs", "label"},
        ),
    script:
        "../scripts/train.py"


rule evaluate:
    """Errors of a model on the held-out test frames."""
    input:
        description="<results>/models/{potential}/model.json",
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


rule fetch_committee:
    """Take a committee's files from a local folder, from CP2K's data, or from their source."""
    input:
        local=lambda w: local_paths(CONFIG.potentials[w.potential]),
    output:
        description="<results>/models/{potential}/model.json",
        files=directory("<results>/models/{potential}/committee"),
    log:
        "<logs>/fetch/{potential}.log",
    wildcard_constraints:
        potential=one_of(COMMITTEES),
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings(
            "potentials/{potential}",
            exclude={"runs", "label", "engine", "csvr_time_fs"},
        ),
    script:
        "../scripts/fetch_committee.py"


# a committee is measured where its dataset is at hand anyway
EVALUATED = CONFIG.trained_potentials + [
    name
    for name in COMMITTEES
    if CONFIG.potentials[name].dataset
    in {CONFIG.potentials[trained].dataset for trained in CONFIG.trained_potentials}
]
