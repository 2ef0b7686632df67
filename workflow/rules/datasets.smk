# Reference labels and their curation (paper, S1.2.1).
rule sample:
    """Run the force field and label frames of its trajectory."""
    output:
        OUT + "/datasets/{dataset}/sampling/{run}.extxyz",
    log:
        OUT + "/logs/sample/{dataset}/{run}.log",
    params:
        settings=settings("datasets/{dataset}/force_field", "datasets/{dataset}/sampling/{run}", "seed"),
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../scripts/sample.py"


rule curate:
    """Check labelled frames, split them by time, write the dataset card."""
    input:
        lambda wildcards: expand(
            OUT + "/datasets/{dataset}/sampling/{run}.extxyz",
            dataset=wildcards.dataset,
            run=CONFIG.datasets[wildcards.dataset].sampling,
        ),
    output:
        train=OUT + "/datasets/{dataset}/train.extxyz",
        validation=OUT + "/datasets/{dataset}/validation.extxyz",
        test=OUT + "/datasets/{dataset}/test.extxyz",
        card=OUT + "/datasets/{dataset}/card.json",
        rejected=OUT + "/datasets/{dataset}/rejected.csv",
    log:
        OUT + "/logs/curate/{dataset}.log",
    params:
        settings=settings("datasets/{dataset}/checks", "datasets/{dataset}/split", "seed"),
    script:
        "../scripts/curate.py"
