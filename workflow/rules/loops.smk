# Datasets that grow by what a potential's runs have visited (paper, S1.1.2, Table S9).
rule explore:
    """Choose frames of a potential's runs that the dataset does not know."""
    input:
        trajectories=lambda w: PLAN.explored(w.dataset),
        known=lambda w: PLAN.parts(CONFIG.datasets[w.dataset].of).values(),
    output:
        frames="<results>/datasets/{dataset}/chosen.extxyz",
        table="<results>/datasets/{dataset}/explored.csv",
    log:
        "<logs>/explore/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(PLAN.extended),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        **specified(PLAN.explore, "dataset"),
    script:
        "../scripts/explore.py"


rule label:
    """Label chosen frames by whatever labels them."""
    input:
        frames="<results>/datasets/{dataset}/chosen.extxyz",
        model=lambda w: PLAN.labelling_model(w.dataset),
    output:
        "<results>/datasets/{dataset}/labels/{batch}.extxyz",
    log:
        "<logs>/label/{dataset}/{batch}.log",
    wildcard_constraints:
        dataset=one_of([*PLAN.extended, *PLAN.displaced]),
        batch="[0-9]+",
    conda:
        "../../envs/falsemetal.yaml"
    threads: lambda w: PLAN.label_threads(w.dataset)
    resources:
        mem_mb=4000,
    params:
        **specified(PLAN.label, "dataset", "batch"),
        copied=copied_labels,
        model=lambda w: str(Path(*PLAN.labelling_model(w.dataset)).parent).replace(
            "<results>", str(RESULTS)
        ),
    script:
        "../scripts/label.py"


rule extend:
    """Check and split labelled frames, and lay them beside a dataset."""
    input:
        labelled=lambda w: PLAN.labels(w.dataset),
        table="<results>/datasets/{dataset}/explored.csv",
        train=lambda w: PLAN.parts(CONFIG.datasets[w.dataset].of)["train"],
        validation=lambda w: PLAN.parts(CONFIG.datasets[w.dataset].of)["validation"],
        test=lambda w: PLAN.parts(CONFIG.datasets[w.dataset].of)["test"],
    output:
        train="<results>/datasets/{dataset}/train.extxyz",
        validation="<results>/datasets/{dataset}/validation.extxyz",
        test="<results>/datasets/{dataset}/test.extxyz",
        card="<results>/datasets/{dataset}/card.json",
        added="<results>/datasets/{dataset}/added.csv",
        dipoles="<results>/datasets/{dataset}/dipoles.csv",
    log:
        "<logs>/extend/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(PLAN.extended),
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.extend, "dataset"),
    script:
        "../scripts/extend.py"
