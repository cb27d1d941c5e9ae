// What else there is of one snapshot: changes, stacks, duplicate builds.

const CHANGES = { lost: "✕", gained: "+", upgraded: "↑", rebuilt: "↻" };

function showChanges(snapshot) {
    const box = document.getElementById("change-table");
    if (!snapshot.previous_tag) {
        box.replaceChildren(element("p", {}, `${snapshot.tag} has no earlier snapshot of its kind to compare with.`));
        return;
    }
    const kinds = Object.keys(CHANGES);
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => element("button",
            { type: "button", class: "name", onclick: () => openPackage(snapshot, row.package) }, row.package) },
        { title: "change", value: (row) => kinds.indexOf(row.change), cell: (row) => mark(CHANGES[row.change], row.change, row.change) },
        { title: "cause", value: (row) => row.cause ?? "", cell: (row) => row.cause ?? "–" },
        { title: "environment", value: keyOf, cell: keyOf },
        { title: "specs before", number: true, value: (row) => row.previous_spec_count, cell: (row) => number(row.previous_spec_count) },
        { title: "specs now", number: true, value: (row) => row.spec_count, cell: (row) => number(row.spec_count) },
    ];
    const table = sortedTable({
        label: "Changes",
        caption: (count) => `${number(count)} changed cells of ${snapshot.tag} since ${snapshot.previous_tag}, lost first.`,
        columns,
        rows: snapshot.changes,
        sort: { column: columns[1], falling: false },
    });
    const filter = element("select", { id: "change-filter" }, element("option", { value: "" }, "all changes"),
        ...kinds.map((kind) => element("option", { value: kind }, kind)));
    filter.addEventListener("change", () => table.update(
        snapshot.changes.filter((row) => !filter.value || row.change === filter.value)));
    box.replaceChildren(element("div", { class: "controls" }, element("label", {}, "Show ", filter)), table.box);
}

function showStacks(snapshot) {
    const box = document.getElementById("stack-tables");
    if (!snapshot.stacks.length) {
        box.replaceChildren(element("p", {}, `${snapshot.tag} has no stack.`));
        return;
    }
    const column = (title, name) => ({ title, number: true, value: (row) => row[name], cell: (row) => number(row[name]) });
    const columns = [
        { title: "stack", value: (row) => row.stack, cell: (row) => row.stack },
        column("packages", "package_count"),
        column("specs", "spec_count"),
        column("specs only here", "sole_spec_count"),
        column("cells only here", "sole_cell_count"),
    ];
    box.replaceChildren(
        sortedTable({
            label: "Stacks",
            caption: () => `What each stack of ${snapshot.tag} holds, and what no other stack but root has; `
                + "a cell is a package on an operating system and target.",
            columns,
            rows: snapshot.stacks,
            sort: { column: columns[1], falling: true },
        }).box,
        element("h3", {}, "Overlap"),
        snapshot.overlap.length
            ? scroller("Overlap", overlapTable(snapshot))
            : element("p", {}, "There is only one stack."));
}

function overlapTable(snapshot) {
    const stacks = snapshot.stacks.map((row) => row.stack).sort();
    const pairs = new Map();
    for (const row of snapshot.overlap) {
        pairs.set(`${row.stack_a} ${row.stack_b}`, row);
        pairs.set(`${row.stack_b} ${row.stack_a}`, row);
    }
    const cell = (one, other) => {
        const pair = pairs.get(`${one} ${other}`);
        if (!pair) return element("td", { class: "none" }, "same");
        if (!pair.shared_package_count) return element("td", { class: "none" }, "–");
        const made = element("td", { class: "share" }, number(pair.shared_package_count), " ",
            element("small", {}, percent(100 * pair.package_jaccard)));
        made.style.setProperty("--share", pair.package_jaccard);
        return made;
    };
    return element("table", { class: "matrix" },
        element("caption", {}, `Packages that two stacks of ${snapshot.tag} share, and their share of the packages of either. – is none.`),
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "stack"),
            ...stacks.map((stack) => element("th", { scope: "col", class: "slim" }, stack)))),
        element("tbody", {}, ...stacks.map((stack) => element("tr", {},
            element("th", { scope: "row" }, stack), ...stacks.map((other) => cell(stack, other))))));
}

function showDuplicates(snapshot) {
    const box = document.getElementById("duplicate-table");
    if (!snapshot.duplicates.length) {
        box.replaceChildren(element("p", {}, `No build of ${snapshot.tag} is there more than once.`));
        return;
    }
    const column = (title, name) => ({ title, number: true, value: (row) => row[name], cell: (row) => number(row[name]) });
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => element("button",
            { type: "button", class: "name", onclick: () => openPackage(snapshot, row.package) }, row.package) },
        column("rank", "rank"),
        column("builds held more than once", "build_count"),
        column("specs of them", "spec_count"),
        column("surplus specs", "surplus_spec_count"),
    ];
    box.replaceChildren(sortedTable({
        label: "Duplicate builds",
        caption: (count) => `${number(count)} packages of ${snapshot.tag} with builds that are equal in everything but `
            + "the hash, most surplus first.",
        columns,
        rows: snapshot.duplicates,
        sort: { column: columns[4], falling: true },
        limit: 20,
    }).box);
}
