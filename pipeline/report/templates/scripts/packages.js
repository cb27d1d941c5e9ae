// Packages: each one in each environment, from views gaps and newest_versions.

function showPackages(snapshot) {
    const versions = new Map();
    for (const [key, specs] of groupBy(snapshot.specs, (spec) => `${spec.package} ${keyOf(spec)}`)) {
        versions.set(key, [...new Set(specs.map((spec) => spec.version))]
            .sort((one, other) => snapshot.places.get(other) - snapshot.places.get(one)));
    }
    const states = new Map();
    for (const cell of snapshot.cells) {
        const key = `${cell.package} ${keyOf(cell)}`;
        states.set(key, { state: "exact", versions: versions.get(key), isLagging: Boolean(cell.is_lagging) });
    }
    for (const gap of snapshot.gaps) states.set(`${gap.package} ${keyOf(gap)}`, stateOfGap(gap));
    const rows = snapshot.packages.map((row) => ({
        ...row,
        states: snapshot.environments.map(({ key }) => states.get(`${row.package} ${key}`)),
    }));
    const order = ["exact", "compatible", "missing"];
    const table = sortedTable({
        label: "Packages",
        kind: "wide-table",
        caption: (count) => `${number(count)} of ${number(snapshot.package_count)} packages of ${snapshot.tag} in `
            + `${number(snapshot.environment_count)} environments. ✓ exact: built for it; ≈ compatible: a binary `
            + "for another target, or of another OS with a C library that is not newer, runs there; – missing; ↓ older than the package's newest version.",
        columns: [
            { title: "package", value: (row) => row.package, cell: (row) => packageLink(row.package), kind: "name" },
            { title: "newest", value: (row) => snapshot.places.get(row.newest_version), cell: (row) => row.newest_version, kind: "version" },
            { title: "covered", number: true, value: (row) => row.covered_count, cell: (row) => `${row.covered_count}/${snapshot.environment_count}` },
            { title: "lagging", number: true, value: (row) => row.lagging_count, cell: (row) => number(row.lagging_count) },
            ...snapshot.environments.map((environment, index) => ({
                title: environment.platform === "linux"
                    ? `${environment.os}\n${environment.target}`
                    : `${environment.platform} ${environment.os}\n${environment.target}`,
                value: (row) => order.indexOf(row.states[index].state),
                cell: (row) => stateCell(row.states[index]),
            })),
        ],
        rows,
    });
    const search = document.getElementById("package-search");
    const filter = document.getElementById("package-filter");
    filter.replaceChildren(
        element("option", { value: "all" }, "all"),
        element("option", { value: "missing" }, "missing somewhere"),
        element("option", { value: "lagging" }, "lagging somewhere"),
        element("optgroup", { label: "Missing in" }, ...snapshot.environments.map(({ key }) =>
            element("option", { value: `missing ${key}` }, key))));
    const isMissing = (row, index) => row.states[index].state === "missing";
    const filterPackages = () => {
        const words = state.search.toLowerCase().trim();
        const place = snapshot.environments.findIndex(({ key }) => state.filter === `missing ${key}`);
        search.value = state.search;
        filter.value = state.filter;
        table.update(rows.filter((row) => row.package.toLowerCase().includes(words)
            && (state.filter !== "missing" || row.states.some((_, index) => isMissing(row, index)))
            && (place < 0 || isMissing(row, place))
            && (state.filter !== "lagging" || row.lagging_count > 0)));
    };
    filterPackages();
    document.getElementById("package-table").replaceChildren(table.box);
    return filterPackages;
}

function stateOfGap(gap) {
    if (!gap.os_match) return { state: "missing" };
    return { state: "compatible", binary: gap.os_match === "same os" ? gap.reusable_target : `${gap.reusable_os}\n${gap.reusable_target}` };
}

function stateCell({ state: found, versions, isLagging, binary }) {
    if (found === "missing") return mark("–", "missing", "missing", true);
    if (found === "compatible") {
        return element("span", {}, mark("≈", "compatible", "compatible", true), element("span", { class: "detail" }, binary));
    }
    return element("span", {}, mark("✓", "exact", "exact", true),
        element("span", { class: "detail" }, versions.join(", "),
            isLagging ? element("span", { class: "lags" }, " ↓ lags") : null));
}
