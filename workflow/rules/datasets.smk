# Reference labels and their curation (paper, S1.2.1).
rule sample:
    """Run the force field and label frames of its trajectory."""
    output:
        "<results>/datasets/{dataset}/sampling/{run}.extxyz",
    log:
        "<logs>/sample/{dataset}/{run}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        **specified(PLAN.sample, "dataset", "run"),
    script:
        "../scripts/sample.py"


rule read_labelled:
    """Fetch a public dataset, or take a local file, and convert its units and names."""
    input:
        local=lambda w: local_paths(CONFIG.datasets[w.dataset]),
    output:
        "<results>/datasets/{dataset}/labelled.extxyz",
    log:
        "<logs>/read_labelled/{dataset}.log",
    # a network that is missing shows first
    priority: 100
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.read, "dataset"),
    script:
        "../scripts/read_labelled.py"


rule displace:
    """Displace the atoms of structures at random, in each of their charge states."""
    input:
        lambda w: PLAN.structures(w.dataset),
    output:
        "<results>/datasets/{dataset}/chosen.extxyz",
    log:
        "<logs>/displace/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(PLAN.displaced),
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.displace, "dataset"),
    script:
        "../scripts/displace.py"


rule curate:
    """Check labelled frames, split them by time, write the dataset card.

    Beside it rejected.csv tells what was left out, also where the job fails: it is no output.
    """
    input:
        lambda w: PLAN.labelled_frames(w.dataset),
    output:
        train="<results>/datasets/{dataset}/train.extxyz",
        validation="<results>/datasets/{dataset}/validation.extxyz",
        test="<results>/datasets/{dataset}/test.extxyz",
        card="<results>/datasets/{dataset}/card.json",
    log:
        "<logs>/curate/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(PLAN.first),
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.curate, "dataset"),
    script:
        "../scripts/curate.py"
