# Figures and tables as registered in falsemetal.products.registry, and the report that holds all.
for target in PLAN.targets.values():

    rule:
        name:
            target.name
        input:
            tables=PLAN.inputs(target.name),
            code=code_of([target.product.module]),
        output:
            **files_of(target),
        log:
            f"<logs>/products/{target.name}.log",
        conda:
            "../../envs/falsemetal.yaml"
        params:
            **specified(partial(PLAN.product, target.name)),
        script:
            "../scripts/make_product.py"


# the figures of several campaigns of one kind by the name of the product
for product in {target.product.name for target in PLAN.targets.values()} - set(
    PLAN.targets
):

    rule:
        name:
            product
        input:
            [
                getattr(rules, target.name).output
                for target in PLAN.targets.values()
                if target.product.name == product
            ],


rule report:
    """HTML report of all figures and tables, with captions and provenance."""
    input:
        [getattr(rules, name).output for name in PLAN.wanted],
    output:
        html="<results>/report.html",
        config="<results>/config.yaml",
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        name=CONFIG.name,
        targets=PLAN.wanted,
        identity=CONFIG.identity(),
        config=Packed(CONFIG.model_dump_json(), tuple(CONFIG.plugins)),
    script:
        "../scripts/report.py"
