// Matrices: the cells that view matrix_cells counts, and the packages behind each.

const MATRICES = [
    ["os", "target", "Operating system × target"],
    ["compiler", "os", "Compiler × operating system"],
    ["compiler", "target", "Compiler × target"],
];

function showMatrices(snapshot, mode) {
    document.getElementById("matrix-tables").replaceChildren(...MATRICES.map(
        ([rowName, columnName, title]) => element("div", {},
            element("h3", {}, title),
            scroller(title, matrixTable(snapshot, mode, rowName, columnName, title)))));
}

function matrixTable(snapshot, mode, rowName, columnName, title) {
    const [absent] = ["compiler", "os", "target"].filter((name) => name !== rowName && name !== columnName);
    const cells = snapshot.matrix.filter((cell) => cell[absent] === null);
    const names = (name) => [...new Set(cells.map((cell) => cell[name]).filter((value) => value !== null))].sort(compare);
    const columns = names(columnName);
    const byKey = new Map(cells.map((cell) => [`${cell[rowName]} ${cell[columnName]}`, cell]));
    const line = (row) => [...columns, null].map((column) => matrixCell(
        snapshot, mode, byKey.get(`${row} ${column}`), row === null || column === null));
    const caption = mode === "exact"
        ? `${title}, exact: packages of ${snapshot.tag} built for both`
        : `${title}, compatible: packages of ${snapshot.tag} that can be used with both`;
    return element("table", { class: "matrix" },
        element("caption", {}, `${caption}, of ${number(snapshot.package_count)}. – is none.`),
        element("thead", {}, element("tr", {},
            element("th", { scope: "col" }, rowName),
            ...columns.map((column) => element("th", { scope: "col" }, column)),
            element("th", { scope: "col" }, `any ${columnName}`))),
        element("tbody", {}, ...names(rowName).map((row) => element("tr", {},
            element("th", { scope: "row" }, row), ...line(row)))),
        element("tfoot", {}, element("tr", {},
            element("th", { scope: "row" }, `any ${rowName}`), ...line(null))));
}

function matrixCell(snapshot, mode, cell, isTotal) {
    const count = cell?.[`${mode}_package_count`] ?? 0;
    if (!count) return element("td", { class: "none" }, "–");
    const share = cell[`${mode}_pct`];
    const made = element("td", { class: isTotal ? "share total" : "share" }, element("button",
        { type: "button", onclick: () => openCell(snapshot, mode, cell) },
        `${number(count)}/${number(cell.snapshot_package_count)} `,
        element("small", {}, percent(share))));
    made.style.setProperty("--share", share / 100);
    return made;
}

function openCell(snapshot, mode, cell) {
    const packages = [...new Set(snapshot.specs
        .filter((spec) => (mode === "exact" ? isExact(spec, cell) : isUsable(snapshot, spec, cell)))
        .map((spec) => spec.package))].sort(compare);
    const place = ["compiler", "os", "target"].map((name) => cell[name]).filter(Boolean).join(" × ");
    openPanel(place || "All packages",
        element("p", {}, `${number(cell[`${mode}_package_count`])} of ${number(cell.snapshot_package_count)} `
            + `packages (${percent(cell[`${mode}_pct`])}) of ${snapshot.tag}, ${mode}.`),
        element("ul", { class: "names" }, ...packages.map((name) => element("li", {},
            element("button", { type: "button", onclick: () => openPackage(snapshot, name) }, name)))));
}

function isExact(spec, cell) {
    return ["compiler", "os", "target"].every((name) => cell[name] === null || cell[name] === spec[name]);
}

// As view usable_cells has it: for an ancestor of the target, with the compiler or with none.
function isUsable(snapshot, spec, cell) {
    if (cell.os !== null && cell.os !== spec.os) return false;
    if (cell.target !== null) {
        const hasHost = snapshot.environments.some((environment) =>
            environment.platform === spec.platform && environment.target === cell.target);
        if (!hasHost || distance(cell.target, spec.target) < 0) return false;
    }
    if (cell.compiler === null || cell.compiler === spec.compiler) return true;
    return spec.compiler === "none"
        && snapshot.specs.some((other) => other.compiler === cell.compiler && other.os === spec.os);
}
