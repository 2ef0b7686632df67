# Potentials as folders: trained by one training loop (paper, S1.0.2 and S1.1.1), or fetched.
rule train:
    """Train a model; a killed training resumes from its last epoch."""
    input:
        train=lambda w: PLAN.frames_for(w.potential, "train"),
        validation=lambda w: PLAN.frames_for(w.potential, "validation"),
    output:
        weights="<results>/models/{potential}/weights.pt",
        description="<results>/models/{potential}/model.json",
        history="<results>/models/{potential}/history.csv",
    log:
        "<logs>/train/{potential}.log",
    benchmark:
        "<benchmarks>/train/{potential}.tsv"
    wildcard_constraints:
        potential=one_of(PLAN.made_by("train")),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        **specified(PLAN.train, "potential"),
    script:
        "../scripts/train.py"


rule fetch:
    """Take a model's files from a local folder, from a program that brings them, or from their source."""
    input:
        local=lambda w: local_paths(CONFIG.potentials[w.potential]),
    output:
        description="<results>/models/{potential}/model.json",
    log:
        "<logs>/fetch/{potential}.log",
    wildcard_constraints:
        potential=one_of(PLAN.made_by("fetch")),
    # a network that is missing shows first
    priority: 100
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.fetch, "potential"),
    script:
        "../scripts/fetch.py"


rule evaluate:
    """Errors of a model on the held-out test frames."""
    input:
        description="<results>/models/{potential}/model.json",
        test=lambda w: PLAN.frames_for(w.potential, "test"),
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
        **specified(PLAN.evaluate, "potential"),
    script:
        "../scripts/evaluate.py"


rule read_charges:
    """Charges and polarization of a long-ranged model on the held-out test frames."""
    input:
        description="<results>/models/{potential}/model.json",
        test=lambda w: PLAN.frames_for(w.potential, "test"),
        code=code_of(["falsemetal.potentials.learned_charges"]),
    output:
        "<results>/models/{potential}/charges.csv",
    log:
        "<logs>/read_charges/{potential}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        **specified(PLAN.learned_charges, "potential"),
    script:
        "../scripts/read_charges.py"


rule read_charge_states:
    """Energies and charges of the held-out test frames by charge state."""
    input:
        description="<results>/models/{potential}/model.json",
        test=lambda w: PLAN.frames_for(w.potential, "test"),
        code=code_of(["falsemetal.potentials.charge_states"]),
    output:
        "<results>/models/{potential}/charge_states.csv",
    log:
        "<logs>/read_charge_states/{potential}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        **specified(PLAN.evaluate, "potential"),
    script:
        "../scripts/read_charge_states.py"
