# One rule a figure; each is drawn by the module of its name in falsemetal.figures.
THICKEST = sizes_run("slabs")[-1:]


rule fig3a:
    """Dipole fluctuation against slab thickness (paper, Fig. 3a)."""
    input:
        tables=observables("slabs", "summary"),
        code=code("figures/fig3a.py", "figures/style.py", "analysis/continuum.py"),
    output:
        pdf="<results>/figures/fig3a.pdf",
        png=report(
            "<results>/figures/fig3a.png",
            caption="../report/fig3a.rst",
            category="Figures",
        ),
        csv="<results>/figures/fig3a.csv",
        stamp="<results>/figures/fig3a.provenance.json",
    log:
        "<logs>/figures/fig3a.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule fig3c:
    """Potential difference in elongated cells of water against their length (paper, Fig. 3c)."""
    input:
        tables=observables("elongated", "summary", "potential"),
        code=code(
            "figures/fig3c.py", "figures/potential_difference.py", "figures/style.py"
        ),
    output:
        pdf="<results>/figures/fig3c.pdf",
        png=report(
            "<results>/figures/fig3c.png",
            caption="../report/fig3c.rst",
            category="Figures",
        ),
        csv="<results>/figures/fig3c.csv",
        stamp="<results>/figures/fig3c.provenance.json",
    log:
        "<logs>/figures/fig3c.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "elongated", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule fig3d:
    """Autocorrelation of the potential difference in elongated cells (paper, Fig. 3d)."""
    input:
        tables=observables("elongated", "autocorrelation"),
        code=code("figures/fig3d.py", "figures/style.py"),
    output:
        pdf="<results>/figures/fig3d.pdf",
        png=report(
            "<results>/figures/fig3d.png",
            caption="../report/fig3d.rst",
            category="Figures",
        ),
        csv="<results>/figures/fig3d.csv",
        stamp="<results>/figures/fig3d.provenance.json",
    log:
        "<logs>/figures/fig3d.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "elongated", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule figS7:
    """Radial distributions of bulk water in the smallest cube (Fig. S7)."""
    input:
        tables=observables("cubic", "rdf", sizes=sizes_run("cubic")[:1]),
        code=code("figures/figS7.py", "figures/style.py"),
    output:
        pdf="<results>/figures/figS7.pdf",
        png=report(
            "<results>/figures/figS7.png",
            caption="../report/figS7.rst",
            category="Figures",
        ),
        csv="<results>/figures/figS7.csv",
        stamp="<results>/figures/figS7.provenance.json",
    log:
        "<logs>/figures/figS7.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "cubic", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule figS8:
    """Distribution, profile and autocorrelation of the dipole at the thickest slab (Fig. S8)."""
    input:
        tables=observables(
            "slabs", "dipole", "cumulative", "autocorrelation", sizes=THICKEST
        ),
        code=code("figures/figS8.py", "figures/style.py", "analysis/continuum.py"),
    output:
        pdf="<results>/figures/figS8.pdf",
        png=report(
            "<results>/figures/figS8.png",
            caption="../report/figS8.rst",
            category="Figures",
        ),
        csv="<results>/figures/figS8.csv",
        stamp="<results>/figures/figS8.provenance.json",
    log:
        "<logs>/figures/figS8.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule figS10:
    """Potential difference in cubic cells of water (Fig. S10)."""
    input:
        tables=observables("cubic", "summary", "potential"),
        code=code(
            "figures/figS10.py", "figures/potential_difference.py", "figures/style.py"
        ),
    output:
        pdf="<results>/figures/figS10.pdf",
        png=report(
            "<results>/figures/figS10.png",
            caption="../report/figS10.rst",
            category="Figures",
        ),
        csv="<results>/figures/figS10.csv",
        stamp="<results>/figures/figS10.provenance.json",
    log:
        "<logs>/figures/figS10.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "cubic", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


rule density:
    """Density profiles at the thickest slab (as Fig. 1a, for slabs)."""
    input:
        tables=observables("slabs", "density", sizes=THICKEST),
        code=code("figures/density.py", "figures/style.py"),
    output:
        pdf="<results>/figures/density.pdf",
        png=report(
            "<results>/figures/density.png",
            caption="../report/density.rst",
            category="Figures",
        ),
        csv="<results>/figures/density.csv",
        stamp="<results>/figures/density.provenance.json",
    log:
        "<logs>/figures/density.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "dynamics", "analysis"),
    script:
        "../scripts/draw.py"


OF_SLABS = ["fig3a", "figS8", "density"]
OF_ELONGATED = ["fig3c", "fig3d"]
OF_CUBIC = ["figS7", "figS10"]
FIGURES = OF_SLABS * bool(observables("slabs", "summary"))
FIGURES += OF_ELONGATED * bool(observables("elongated", "summary"))
FIGURES += OF_CUBIC * bool(observables("cubic", "summary"))
