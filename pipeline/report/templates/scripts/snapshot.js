// Other parts of one snapshot: stacks, and configurations that are built more than once.

const OVERLAP_STACKS = 60; // more make a table that nobody reads

const countColumn = (title, name) => ({ title, number: true, value: (row) => row[name], cell: (row) => number(row[name]) });

function showStacks(snapshot) {
    const box = document.getElementById("stack-tables");
    if (!snapshot.stacks.length) {
        box.replaceChildren(element("p", {}, `${snapshot.tag} has no stack.`));
        return;
    }
    const columns = [
        { title: "stack", value: (row) => row.stack, cell: (row) => row.stack },
        countColumn("packages", "package_count"),
        countColumn("specs", "spec_count"),
        countColumn("specs only here", "sole_spec_count"),
        countColumn("cells only here", "sole_cell_count"),
    ];
    box.replaceChildren(
        sortedTable({
            label: "Stacks",
            caption: () => `Contents of each stack of ${snapshot.tag}, and what no other stack but root has; `
                + "a cell is a package on an operating system and target.",
            columns,
            rows: snapshot.stacks,
            sort: { column: columns[1], falling: true },
        }).box,
        element("h3", {}, "Overlap"),
        snapshot.overlap.length
            ? scroller("Overlap", overlapTable(snapshot))
            : element("p", {}, snapshot.stacks.length > 1
                ? "No two stacks share a package, or there are more than 200 stacks, for which overlap is left out."
                : "There is only one stack."));
}

function overlapTable(snapshot) {
    const largest = [...snapshot.stacks].sort((one, other) => other.package_count - one.package_count).slice(0, OVERLAP_STACKS);
    const stacks = largest.map((row) => row.stack).sort(compare);
    const pairs = new Map();
    for (const row of snapshot.overlap) {
        pairs.set(`${row.stack_a} ${row.stack_b}`, row);
        pairs.set(`${row.stack_b} ${row.stack_a}`, row);
    }
    const cell = (one, other) => {
        if (one === other) return element("td", { class: "none" }, "same");
        const pair = pairs.get(`${one} ${other}`);
        if (!pair) return element("td", { class: "none" }, "–");
        const made = element("td", { class: "share" }, number(pair.shared_package_count), " ",
            element("small", {}, percent(100 * pair.package_jaccard)));
        made.style.setProperty("--share", pair.package_jaccard);
        return made;
    };
    const part = snapshot.stacks.length > OVERLAP_STACKS ? ` The ${OVERLAP_STACKS} largest of ${number(snapshot.stacks.length)} stacks.` : "";
    return element("table", { class: "matrix" },
        element("caption", {}, `Packages that two stacks of ${snapshot.tag} share, and their percentage of all packages in either. – is none.${part}`),
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "stack"),
            ...stacks.map((stack) => element("th", { scope: "col", class: "slim" }, stack)))),
        element("tbody", {}, ...stacks.map((stack) => element("tr", {},
            element("th", { scope: "row" }, stack), ...stacks.map((other) => cell(stack, other))))));
}

function showDuplicates(snapshot) {
    const box = document.getElementById("duplicate-table");
    if (!snapshot.duplicates.length) {
        box.replaceChildren(element("p", {}, `${snapshot.tag} has one build of each configuration.`));
        return;
    }
    const columns = [
        { title: "package", value: (row) => row.package, cell: (row) => packageLink(row.package) },
        countColumn("configurations", "build_count"),
        countColumn("specs", "spec_count"),
        countColumn("specs beyond the first", "surplus_spec_count"),
        countColumn("differ in a dependency", "dependency_surplus_count"),
        countColumn("waste", "build_only_surplus_count"),
        countColumn("unknown", "unknown_surplus_count"),
        { title: "dependencies that differ", value: (row) => row.differing_dependencies.join(" "), kind: "wrap",
            cell: (row) => row.differing_dependencies.join(", ") || "–" },
    ];
    box.replaceChildren(sortedTable({
        label: "Several builds of one configuration",
        caption: (count) => `${counted(count, "package")} of ${snapshot.tag} with specs that differ only in their hash. `
            + "Specs with different link or run dependencies serve different users; those rebuilt only for a changed build "
            + "dependency are waste. Pages do not list dependencies, so theirs are unknown.",
        columns,
        rows: snapshot.duplicates,
        sort: { column: columns[3], falling: true },
        limit: 20,
    }).box);
}
