// One package of a snapshot: how to install it, its builds, what they need, and its history.

const PUBLIC_CACHE = "https://binaries.spack.io";
const PACKAGE_PAGE = "https://packages.spack.io/package.html?name=";

function packagePanel(snapshot, name) {
    const specs = snapshot.specs.filter((spec) => spec.package === name);
    const row = snapshot.packages.find((one) => one.package === name);
    const history = element("div", {}, element("p", { class: "note", role: "status" }, "Loading the history …"));
    showHistory(history, name);
    const link = element("a", { href: PACKAGE_PAGE + encodeURIComponent(name), rel: "noreferrer" }, "Recipe at packages.spack.io");
    return {
        title: name,
        body: [
            element("p", {}, row
                ? `${snapshot.tag}: newest version ${row.newest_version}; ${counted(row.spec_count, "spec")} in `
                    + `${row.covered_count} of ${snapshot.environment_count} environments; stacks ${row.stacks.join(", ") || "none"}. `
                : `${snapshot.tag} has no spec of it. `, link),
            ...(row ? buildsOf(snapshot, name, specs) : []),
            element("h3", {}, "History"), history,
        ],
    };
}

// What all builds have in common is said once, and only the differences in the rows.
function buildsOf(snapshot, name, specs) {
    const common = (value) => new Set(specs.map(value)).size === 1;
    const shared = specs[0].variants.filter((variant) => specs.every((spec) => spec.variants.includes(variant)));
    const own = (spec) => spec.variants.filter((variant) => !shared.includes(variant)).join(" ");
    const columns = [
        { title: "version", value: (spec) => snapshot.places.get(spec.version), text: (spec) => spec.version },
        { title: "compiler", text: (spec) => spec.compiler },
        { title: "environment", text: keyOf },
        { title: "variants", text: own, kind: "wrap wide" },
        { title: "stacks", text: (spec) => spec.stacks.join(", "), kind: "wrap" },
        { title: "root", text: (spec) => (spec.is_in_root ? "✓ yes" : "✕ no") },
        { title: "size", number: true, value: (spec) => spec.size_bytes ?? -1, text: (spec) => bytes(spec.size_bytes) },
    ].map((column) => ({ value: column.text, cell: (spec) => column.text(spec) || "–", ...column }));
    const differing = columns.filter((column) => !common(column.text));
    const facts = columns.filter((column) => common(column.text) && column.title !== "variants" && column.text(specs[0]) !== "–");
    const hash = { title: "hash", value: (spec) => spec.hash, cell: (spec) => hashCell(snapshot, spec) };
    const shown = { compiler: "", os: "", target: "", stack: "", variant: "" };
    const valuesOf = (spec) => ({ compiler: [spec.compiler], os: [spec.os], target: [spec.target], stack: spec.stacks,
        variant: spec.variants.filter((variant) => !shared.includes(variant)) });
    const table = sortedTable({
        label: `Specs of ${name}`,
        kind: "cards-when-narrow",
        caption: (count) => `${number(count)} of ${counted(specs.length, "spec")} of ${name} in ${snapshot.tag}`
            + (snapshot.is_newest ? "." : ", with the first letters of their hashes; whole ones are in the database."),
        columns: [hash, ...differing],
        rows: specs,
        sort: { column: differing.find(({ title }) => title === "environment") ?? hash, falling: false },
    });
    const filters = Object.keys(shown).map((key) => {
        const values = [...new Set(specs.flatMap((spec) => valuesOf(spec)[key]))].sort(compare);
        if (values.length < 2) return null;
        return choiceOf(key, [["", "all"], ...values.map((value) => [value, value])], "", (value) => {
            shown[key] = value;
            table.update(specs.filter((spec) => Object.entries(shown).every(([one, wanted]) => !wanted || valuesOf(spec)[one].includes(wanted))));
        });
    });
    const dependencies = element("div", {});
    return [
        element("h3", {}, specs.length > 1 ? "Builds" : "Build"),
        facts.length || shared.length ? element("dl", { class: "common" },
            ...facts.map((column) => element("div", {}, element("dt", {}, column.title), element("dd", {}, column.text(specs[0]) || "–"))),
            shared.length ? element("div", {}, element("dt", {}, specs.length > 1 ? "variants of all" : "variants"), element("dd", {}, shared.join(" "))) : null) : null,
        element("div", { class: "controls" }, ...filters.filter(Boolean)),
        table.box,
        dependencies,
    ];
}

function hashCell(snapshot, spec) {
    return element("span", {}, copyable(spec.hash, `hash of ${spec.package}`),
        element("details", { class: "install", ontoggle: (event) => fillInstall(event.target, snapshot, spec) }, element("summary", {}, "install")));
}

function fillInstall(details, snapshot, spec) {
    if (details.childElementCount > 1) return;
    // Whoever made the tag of a public snapshot otherwise knows the address of their own mirror.
    const isPublic = snapshot.kind !== "other";
    const mirror = isPublic ? `${PUBLIC_CACHE}/${snapshot.tag}` : "URL-OF-YOUR-MIRROR";
    const commands = [
        `spack mirror add ${snapshot.tag} ${mirror}`,
        "spack buildcache keys --install --trust",
        `spack install --cache-only /${spec.hash}`,
    ];
    details.append(
        ...commands.map((command) => copyable(command, command)),
        element("p", { class: "note" }, isPublic ? "The public cache's address; put your own mirror's in its place if this snapshot is from there."
            : "Put your mirror's address into the first command."),
        ...(page.dependencies.includes(snapshot.tag) ? [element("div", { class: "tree" }, element("button", { type: "button",
            onclick: (event) => showDependencies(event.target.parentElement, snapshot, spec) }, "Show what it needs"))] : []));
}

// What a spec links to or runs, as a tree: each with whether the snapshot has it.
async function showDependencies(box, snapshot, spec) {
    box.replaceChildren(element("p", { class: "note", role: "status" }, "Loading …"));
    try {
        const data = await loadFile(`data/dependencies/${snapshot.tag}.js`);
        const needs = groupBy(rowsOf(data, "needs"), (row) => row.spec);
        const bySpec = [...snapshot.specs].sort((one, other) => (one.hash < other.hash ? -1 : 1));
        const branch = (place) => {
            const rows = needs.get(place) ?? [];
            return element("ul", { class: "tree" }, ...rows.sort((one, other) => compare(one.dependency_name, other.dependency_name)).map((row) => {
                const found = row.dependency === null ? null : bySpec[row.dependency];
                const label = found
                    ? mark("✓", `${row.dependency_name} ${found.version} /${found.hash.slice(0, 7)}`, "exact")
                    : row.is_external ? mark("○", `${row.dependency_name}, external: the host provides it`, "quiet")
                        : mark("✕", `${row.dependency_name}, not in the snapshot`, "lags");
                if (!found || !needs.has(row.dependency)) return element("li", {}, label);
                const details = element("details", {}, element("summary", {}, label));
                details.addEventListener("toggle", () => { if (details.childElementCount === 1) details.append(branch(row.dependency)); });
                return element("li", {}, details);
            }));
        };
        const tree = branch(bySpec.findIndex((one) => one.hash === spec.hash));
        box.replaceChildren(tree.childElementCount ? tree : element("p", { class: "note" }, "It needs nothing where it is used."));
    } catch (error) {
        box.replaceChildren(element("p", { class: "warning" }, error.message));
    }
}

async function showHistory(box, name) {
    try {
        const data = await loadHistory();
        const rows = rowsWith(data, "packages", "package", name);
        const runs = rowsWith(data, "cells", "package", name);
        box.replaceChildren(...(rows.length ? [historyStrips(name, runs), historyTable(name, new Map(rows.map((row) => [page.history[row.place], row])))]
            : [element("p", {}, "No snapshot has it.")]));
    } catch (error) {
        box.replaceChildren(element("p", { class: "warning" }, error.message));
    }
}

// A strip for each environment: a box a snapshot, told apart where the newest version changes.
function historyStrips(name, runs) {
    const environments = [...groupBy(runs, keyOf)].sort(([one], [other]) => compare(one, other));
    const cells = (ofOne) => {
        const places = page.history.map(() => null);
        let index = 0; // of the version, which a gap does not change
        ofOne.forEach((run, number) => {
            if (number && run.version !== ofOne[number - 1].version) index += 1;
            for (let place = run.first; place < run.first + run.length; place += 1) places[place] = { ...run, index };
        });
        return places.map((run, place) => element("span", {
            class: run ? `box ${run.index % 2 ? "odd" : "even"}` : "box",
            title: `${page.history[place]}: ${run ? run.version : "not there"}`,
        }));
    };
    const words = (ofOne) => ofOne.map((run) => {
        const last = run.first + run.length - 1;
        return `${run.version} ${run.length > 1 ? `${page.history[run.first]} to ${page.history[last]}` : page.history[run.first]}`;
    }).join("; ");
    return scroller(`Environments of ${name}`, element("table", { class: "strips" },
        element("caption", {}, `Newest version of ${name} in each environment, a box for each of ${counted(page.history.length, "snapshot")}, oldest first; `
            + "the shade changes with the version, and an empty box is a snapshot without it."),
        element("thead", {}, element("tr", {}, ...["environment", "snapshots", "versions"].map((title) => element("th", { scope: "col" }, title)))),
        element("tbody", {}, ...environments.map(([key, ofOne]) => element("tr", {},
            element("th", { scope: "row" }, key),
            element("td", {}, element("span", { class: "strip", "aria-hidden": "true" }, ...cells(ofOne))),
            element("td", { class: "wrap" }, words(ofOne)))))));
}

function historyTable(name, byTag) {
    const show = (tag, value) => (byTag.has(tag) ? value(byTag.get(tag)) : "–");
    return element("details", {}, element("summary", {}, "The same in numbers"), scroller(`History of ${name}`, element("table", {},
        element("caption", {}, `${name} over the snapshots, the newest of each kind first; – where it is not there.`),
        element("thead", {}, element("tr", {},
            ...["snapshot", "newest version"].map((title) => element("th", { scope: "col" }, title)),
            ...["environments", "lagging", "specs"].map((title) => element("th", { scope: "col", class: "number" }, title)))),
        element("tbody", {}, ...page.snapshots.map(({ tag, environment_count: all }) => element("tr", {},
            element("th", { scope: "row" }, tag),
            element("td", { class: "wrap" }, show(tag, (row) => row.newest_version)),
            element("td", { class: "number" }, show(tag, (row) => `${row.covered_count}/${all}`)),
            element("td", { class: "number" }, show(tag, (row) => number(row.lagging_count))),
            element("td", { class: "number" }, show(tag, (row) => number(row.spec_count)))))))));
}
