// Matrices: the cells that view matrix_cells counts, and the packages behind each.

const MATRICES = [
    ["os", "target", "Operating system × target"],
    ["compiler", "os", "Compiler × operating system"],
    ["compiler", "target", "Compiler × target"],
];
const NAMES = ["compiler", "os", "target"];

function showMatrices(snapshot) {
    const words = state.matching.toLowerCase().trim();
    document.getElementById("matrix-tables").replaceChildren(...MATRICES.map(
        ([rowName, columnName, title]) => element("div", {},
            element("h3", {}, title),
            scroller(title, matrixTable(snapshot, rowName, columnName, title, words)))));
}

// Modes of counting: the column of view matrix_cells, how a binary may run there, and words for both.
const MODES = {
    exact: { label: "exact", column: "exact_package_count", states: ["exact"], words: "built for both" },
    "same-os": { label: "same OS", column: "compatible_package_count", states: ["exact", "same os"], words: "usable with both, built on the same OS" },
    compatible: { label: "compatible", column: "reusable_package_count", states: ["exact", "same os", "older libc"], words: "usable with both" },
};
// Parts of a compiler, of no use by themselves.
const RUNTIMES = ["compiler-wrapper", "gcc-runtime"];

// The rows that a cell counts: packages built for it or, in other modes, usable there.
function usableIn(snapshot, cell) {
    return usableRows(snapshot).filter((row) => MODES[state.mode].states.includes(row.state)
        && NAMES.every((name) => !cell[name] || cell[name] === row[name] || familyOf(row[name]) === cell[name]));
}

// Each package with each compiler, OS and target of the snapshot for which it is built or usable,
// and how its best binary runs there; as view matrix_cells counts them.
function usableRows(snapshot) {
    if (snapshot.usable) return snapshot.usable;
    const kinds = groupBy(snapshot.specs, (spec) => `${keyOf(spec)} ${spec.glibc ?? ""}`);
    const binaries = [...kinds.values()].map(([spec]) => spec);
    const hosts = new Map(); // on the platforms of an OS are all their targets
    for (const { platform, os } of snapshot.environments) {
        for (const fellow of snapshot.environments) {
            if (fellow.platform === platform) hosts.set(`${os} ${fellow.target}`, { os, target: fellow.target });
        }
    }
    const places = binaries.map((spec) => [...hosts.values()]
        .map(({ os, target }) => ({ os, target, state: matchOf(spec, os, target)?.state }))
        .filter((place) => place.state));
    const compilers = groupBy(snapshot.specs.filter((spec) => spec.compiler !== "none"), (spec) => spec.os);
    const compilersOf = new Map([...compilers].map(([os, specs]) => [os, new Set(specs.map((spec) => spec.compiler))]));
    const best = new Map();
    const add = (row) => {
        const key = `${row.package} ${row.compiler} ${row.os} ${row.target}`;
        const known = best.get(key);
        if (!known || rankOf(row) < rankOf(known)) best.set(key, row);
    };
    [...kinds.values()].forEach((specs, index) => {
        const built = groupBy(specs, (spec) => `${spec.package} ${spec.compiler}`);
        for (const [{ package: name, compiler }] of built.values()) {
            for (const place of places[index]) {
                add({ ...place, package: name, compiler });
                if (compiler !== "none" || RUNTIMES.includes(name)) continue;
                // A package that needs no compiler can be used with any.
                for (const user of compilersOf.get(place.os) ?? []) {
                    add({ ...place, package: name, compiler: user, state: place.state === "exact" ? "same os" : place.state });
                }
            }
        }
    });
    snapshot.usable = [...best.values()];
    return snapshot.usable;
}

const packagesOf = (rows) => [...new Set(rows.map((row) => row.package))].sort(compare);

// The cells of one matrix, by row and column; null stands for all of them.
function matrixValues(snapshot, rowName, columnName) {
    const values = new Map();
    const isFamily = state.targets === "family" && (rowName === "target" || columnName === "target");
    const put = (row, column, value) => values.set(`${row}|${column}`, value);
    if (state.show === "specs") {
        for (const spec of snapshot.specs) {
            const names = [rowName, columnName].map((name) => familyOr(isFamily, name, spec[name]));
            for (const row of [names[0], null]) {
                for (const column of [names[1], null]) put(row, column, (values.get(`${row}|${column}`) ?? 0) + 1);
            }
        }
    } else if (isFamily) {
        const sets = new Map();
        for (const one of usableIn(snapshot, {})) {
            const names = [rowName, columnName].map((name) => familyOr(true, name, one[name]));
            for (const row of [names[0], null]) {
                for (const column of [names[1], null]) {
                    const key = `${row}|${column}`;
                    if (!sets.has(key)) sets.set(key, new Set());
                    sets.get(key).add(one.package);
                }
            }
        }
        for (const [key, set] of sets) values.set(key, set.size);
    } else {
        const absent = NAMES.find((name) => name !== rowName && name !== columnName);
        for (const cell of snapshot.matrix) {
            if (cell[absent] === null) put(cell[rowName], cell[columnName], cell[MODES[state.mode].column]);
        }
    }
    return values;
}

// A target and its descendants, as Spack writes them.
const familyOf = (target) => (page.families[target] ? `${page.families[target]}:` : target);
const familyOr = (isFamily, name, value) => (isFamily && name === "target" ? familyOf(value) : value);

// By which row and column each matrix is sorted, from the address; null is the total.
function matrixOrders() {
    return new Map(state.order.split(",").filter(Boolean).map((text) => {
        const [row, column, part, name] = text.split("|");
        return [`${row}|${column}|${part}`, name || null];
    }));
}

function matrixTable(snapshot, rowName, columnName, title, words) {
    const values = matrixValues(snapshot, rowName, columnName);
    const valueOf = (row, column) => values.get(`${row}|${column}`) ?? 0;
    const names = (place) => [...new Set([...values.keys()].map((key) => key.split("|")[place]))].filter((name) => name !== "null");
    const orders = matrixOrders();
    const keyOfPart = (part) => `${rowName}|${columnName}|${part}`;
    const order = Object.fromEntries(["row", "column"].map((part) => [part, orders.get(keyOfPart(part))]));
    const sorted = (list, value) => list.sort((one, other) => (value ? value(other) - value(one) : 0) || compare(one, other));
    let rows = sorted(names(0), order.column !== undefined && ((row) => valueOf(row, order.column)));
    let columns = sorted(names(1), order.row !== undefined && ((column) => valueOf(order.row, column)));
    if (words) {
        const matching = (list) => list.filter((name) => name.toLowerCase().includes(words));
        if (matching(rows).length) rows = matching(rows);
        if (matching(columns).length) columns = matching(columns);
    }
    const all = state.show === "specs" ? snapshot.spec_count : snapshot.expected_package_count;
    const cellOf = (row, column) => matrixCell(valueOf(row, column), all,
        { [rowName]: row, [columnName]: column }, row === null || column === null);
    const sorter = (part, name, text) => {
        const id = `sort-${title}-${part}-${text}`.replaceAll(" ", "-");
        const button = element("button", { type: "button", id, title: `Sort by ${text}` }, text);
        button.addEventListener("click", () => {
            if (order[part] === name) orders.delete(keyOfPart(part));
            else orders.set(keyOfPart(part), name);
            go({ order: [...orders].map(([key, value]) => `${key}|${value ?? ""}`).join(",") });
        });
        return button;
    };
    const sortedBy = (part, name) => (order[part] === name && order[part] !== undefined ? "descending" : undefined);
    const what = state.show === "specs" ? "specs built for both" : `packages of it ${MODES[state.mode].words}`;
    const { label } = MODES[state.show === "specs" ? "exact" : state.mode];
    return element("table", { class: "matrix" },
        element("caption", {}, `${title}, ${label}: ${what.replace(" of it", ` of ${snapshot.tag}`)}, of ${number(all)}. – is none.`),
        element("thead", {}, element("tr", {},
            element("th", { scope: "col" }, rowName),
            ...[...columns, null].map((column) => element("th",
                { scope: "col", class: column === null ? "total" : undefined, "aria-sort": sortedBy("column", column) },
                sorter("column", column, column ?? `any ${columnName}`))))),
        element("tbody", {}, ...rows.map((row) => element("tr", {},
            element("th", { scope: "row", "aria-sort": sortedBy("row", row) }, sorter("row", row, row)), ...[...columns, null].map((column) => cellOf(row, column))))),
        element("tfoot", {}, element("tr", {},
            element("th", { scope: "row", "aria-sort": sortedBy("row", null) }, sorter("row", null, `any ${rowName}`)), ...[...columns, null].map((column) => cellOf(null, column)))));
}

// A link, so that a cell can also be copied, or opened in a new tab.
function matrixCell(count, all, names, isTotal) {
    const { snapshot, mode } = state;
    const link = element("a", { href: addressOf({ ...DEFAULTS, snapshot, mode, cell: cellKey(names) }) });
    const made = element("td", { class: `${count ? "share" : "none"}${isTotal ? " total" : ""}` }, link);
    if (!count) {
        link.append("–");
        return made;
    }
    const part = 100 * count / all;
    if (state.show === "share") link.append(percent(part));
    else link.append(`${number(count)}/${number(all)} `, element("small", {}, percent(part)));
    made.style.setProperty("--share", part / 100);
    return made;
}

const cellKey = (names) => NAMES.map((name) => names[name] ?? "").join("|");

// The packages of a cell, and those missing from it, with what would run instead.
function cellPanel(snapshot, key) {
    const names = key.split("|");
    const cell = Object.fromEntries(NAMES.map((name, index) => [name, names[index] || null]));
    const packages = packagesOf(usableIn(snapshot, cell));
    const known = new Set(packages);
    const missing = snapshot.packages.map((row) => row.package).filter((name) => !known.has(name)).sort(compare);
    const list = (items, note) => element("ul", { class: "names" }, ...items.map((name) => element("li", {}, packageLink(name), note(name))));
    const instead = new Map();
    for (const row of snapshot.gaps) {
        if (!cell.compiler && (!cell.os || cell.os === row.os) && (!cell.target || cell.target === row.target) && row.os_match) {
            instead.set(row.package, row.os_match === "same os" ? row.reusable_target : `${row.reusable_os} ${row.reusable_target}`);
        }
    }
    return {
        title: names.filter(Boolean).join(" × ") || "All packages",
        body: [
            element("p", {}, `${packageShare(packages.length, snapshot.expected_package_count)} of ${snapshot.tag}, ${MODES[state.mode].label}.`),
            packages.length ? list(packages, () => null) : element("p", { class: "note" }, "None."),
            snapshot.unreadable_package_count ? element("p", { class: "note" }, `${counted(snapshot.unreadable_package_count, "package")} could not be read.`) : null,
            missing.length ? element("details", { class: "missing-names" },
                element("summary", {}, `${counted(missing.length, "package")} not there`),
                list(missing, (name) => (instead.has(name) && state.mode !== "compatible"
                    ? element("span", { class: "detail" }, `${instead.get(name)} runs there`) : null))) : null,
        ],
    };
}
