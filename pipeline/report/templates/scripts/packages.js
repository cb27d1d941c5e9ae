// Packages: each one in each environment, and a view of one alone.

function showPackages(snapshot) {
    const cells = cellsOf(snapshot.specs);
    const rows = snapshot.packages.map((row) => ({
        ...row,
        states: snapshot.environments.map((environment) => stateOf(snapshot, row, environment, cells)),
    }));
    const table = sortedTable({
        label: "Packages",
        caption: (count) => `${number(count)} of ${number(snapshot.package_count)} packages of ${snapshot.tag} in `
            + `${number(snapshot.environment_count)} environments. ✓ exact: built for it; ≈ compatible: the binary of `
            + "another target runs there; – missing; ↓ older than the package's newest version.",
        columns: [
            {
                title: "package",
                value: (row) => row.package,
                cell: (row) => element("button",
                    { type: "button", class: "name", onclick: () => openPackage(snapshot, row.package) }, row.package),
            },
            { title: "newest", value: (row) => row.newest_version, cell: (row) => row.newest_version, wrap: "wrap" },
            { title: "covered", number: true, value: (row) => row.covered_count, cell: (row) => `${row.covered_count}/${snapshot.environment_count}` },
            { title: "lagging", number: true, value: (row) => row.lagging_count, cell: (row) => number(row.lagging_count) },
            ...snapshot.environments.map((environment, index) => ({
                title: environment.platform === "linux"
                    ? `${environment.os}\n${environment.target}`
                    : `${environment.platform} ${environment.os}\n${environment.target}`,
                value: (row) => ["exact", "compatible", "missing"].indexOf(row.states[index].state),
                cell: (row) => stateCell(row.states[index]),
            })),
        ],
        rows,
    });
    const search = element("input", { type: "search", id: "package-search", autocomplete: "off", spellcheck: "false" });
    const filter = element("select", { id: "package-filter" },
        element("option", { value: "all" }, "all"),
        element("option", { value: "missing" }, "missing somewhere"),
        element("option", { value: "lagging" }, "lagging somewhere"));
    const update = () => {
        const words = search.value.toLowerCase().trim();
        table.update(rows.filter((row) => row.package.toLowerCase().includes(words)
            && (filter.value !== "missing" || row.states.some((cell) => cell.state === "missing"))
            && (filter.value !== "lagging" || row.lagging_count > 0)));
    };
    search.addEventListener("input", update);
    filter.addEventListener("change", update);
    document.getElementById("package-table").replaceChildren(
        element("div", { class: "controls" },
            element("label", {}, "Search ", search), element("label", {}, "Show ", filter)),
        table.box);
}

// Each package's versions by environment, the newest first.
function cellsOf(specs) {
    const cells = new Map();
    for (const spec of specs) {
        const key = `${spec.package} ${keyOf(spec)}`;
        if (!cells.has(key)) cells.set(key, { spec, versions: new Set() });
        cells.get(key).versions.add(spec.version);
    }
    return cells;
}

function stateOf(snapshot, row, environment, cells) {
    const found = cells.get(`${row.package} ${environment.key}`);
    if (found) {
        const versions = [...found.versions].sort((one, other) =>
            snapshot.places.get(other) - snapshot.places.get(one));
        const isLagging = snapshot.places.get(versions[0]) < snapshot.places.get(row.newest_version);
        return { state: "exact", versions, isLagging };
    }
    // The nearest target first, as in view gaps.
    const binary = (page.runs_on[environment.target] ?? []).find((target) =>
        cells.has(`${row.package} ${keyOf({ ...environment, target })}`));
    return binary ? { state: "compatible", binary } : { state: "missing" };
}

function stateCell({ state, versions, isLagging, binary }) {
    if (state === "missing") return mark("–", "missing", "missing");
    const cell = element("span", {});
    if (state === "compatible") {
        cell.append(mark("≈", "compatible", "compatible"), element("span", { class: "detail" }, binary));
        return cell;
    }
    cell.append(mark("✓", "exact", "exact"),
        element("span", { class: "detail" }, versions.join(", "),
            isLagging ? element("span", { class: "lags" }, " ↓ lags") : null));
    return cell;
}

async function openPackage(snapshot, name) {
    const specs = snapshot.specs.filter((spec) => spec.package === name);
    const row = snapshot.packages.find((one) => one.package === name);
    const history = element("div", {}, element("p", { class: "quiet", role: "status" }, "Loading the history …"));
    const columns = [
        { title: "version", value: (spec) => snapshot.places.get(spec.version), cell: (spec) => spec.version },
        ...(snapshot.is_newest ? [
            { title: "hash", value: (spec) => spec.hash, cell: (spec) => element("code", {}, spec.hash) },
        ] : []),
        { title: "compiler", value: (spec) => spec.compiler, cell: (spec) => spec.compiler },
        { title: "environment", value: keyOf, cell: keyOf },
        { title: "variants", value: (spec) => spec.variants.join(" "), cell: (spec) => spec.variants.join(" ") || "–", wrap: "wrap wide" },
        ...(snapshot.is_newest ? [
            { title: "stacks", value: (spec) => spec.stacks.join(" "), cell: (spec) => spec.stacks.join(", ") || "–", wrap: "wrap" },
            { title: "root", value: (spec) => spec.is_in_root, cell: (spec) => (spec.is_in_root ? "✓ yes" : "✕ no") },
        ] : [
            { title: "specs", number: true, value: (spec) => spec.specs, cell: (spec) => number(spec.specs) },
        ]),
    ];
    openPanel(name,
        element("p", {}, row
            ? `${snapshot.tag}: ${row.newest_version} is the newest version; ${number(row.spec_count)} specs in `
                + `${row.covered_count} of ${snapshot.environment_count} environments, in stacks ${row.stacks.join(", ") || "none"}.`
            : `${snapshot.tag} has no spec of it.`),
        element("h3", {}, "Specs"),
        sortedTable({
            label: `Specs of ${name}`,
            caption: () => `Specs of ${name} in ${snapshot.tag}`
                + (snapshot.is_newest ? "." : "; their hashes and stacks are in the database."),
            columns,
            rows: specs,
            sort: { column: columns.find(({ title }) => title === "environment"), falling: false },
        }).box,
        element("h3", {}, "History"), history);
    try {
        const data = await loadFile("history");
        const byTag = new Map(rowsWith(data, "packages", "package", name).map((one) => [one.tag, one]));
        history.replaceChildren(historyTable(name, byTag));
    } catch (error) {
        history.replaceChildren(element("p", {}, error.message));
    }
}

function historyTable(name, byTag) {
    const show = (tag, value) => (byTag.has(tag) ? value(byTag.get(tag)) : "–");
    return scroller(`History of ${name}`, element("table", {},
        element("caption", {}, `${name} over the snapshots, the newest of each kind first; – where it is not there.`),
        element("thead", {}, element("tr", {},
            ...["snapshot", "newest version"].map((title) => element("th", { scope: "col" }, title)),
            ...["environments", "lagging", "specs"].map((title) => element("th", { scope: "col", class: "number" }, title)),
            element("th", { scope: "col" }, "stacks"))),
        element("tbody", {}, ...page.snapshots.map(({ tag, environment_count: all }) => element("tr", {},
            element("th", { scope: "row" }, tag),
            element("td", { class: "wrap" }, show(tag, (row) => row.newest_version)),
            element("td", { class: "number" }, show(tag, (row) => `${row.covered_count}/${all}`)),
            element("td", { class: "number" }, show(tag, (row) => number(row.lagging_count))),
            element("td", { class: "number" }, show(tag, (row) => number(row.spec_count))),
            element("td", { class: "wrap" }, show(tag, (row) => row.stacks.join(", "))))))));
}
