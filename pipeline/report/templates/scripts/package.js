// One package of a snapshot: its builds, how to install them, their dependencies, and its history.

const PUBLIC_CACHE = "https://binaries.spack.io";
const PACKAGE_PAGE = "https://packages.spack.io/package.html?name=";

function packagePanel(snapshot, name) {
    const specs = snapshot.specs.filter((spec) => spec.package === name);
    const row = snapshot.packages.find((one) => one.package === name);
    const history = element("div", {}, element("p", { class: "note", role: "status" }, "Loading the history …"));
    showHistory(history, name);
    const builds = row ? buildsOf(snapshot, name, specs) : null;
    const link = element("a", { href: PACKAGE_PAGE + encodeURIComponent(name), rel: "noreferrer" }, "Recipe at packages.spack.io");
    return {
        title: name,
        body: [
            element("p", {}, row
                ? `${snapshot.tag}: newest version ${row.newest_version}; ${counted(row.spec_count, "spec")} in `
                    + `${row.covered_count} of ${snapshot.environment_count} environments; stacks ${row.stacks.join(", ") || "none"}. `
                : `${snapshot.tag} has no spec of it. `, link),
            ...(builds?.body ?? []),
            element("h3", {}, "History"), history,
        ],
        filter: builds?.filter,
    };
}

// What all builds have in common is shown once, only the differences in the rows.
function buildsOf(snapshot, name, specs) {
    const common = (value) => new Set(specs.map(value)).size === 1;
    const shared = specs[0].variants.filter((variant) => specs.every((spec) => spec.variants.includes(variant)));
    const own = (spec) => spec.variants.filter((variant) => !shared.includes(variant)).join(" ");
    const columns = [
        { title: "version", value: (spec) => snapshot.places.get(spec.version), text: (spec) => spec.version },
        { title: "compiler", text: (spec) => spec.compiler },
        { title: "environment", text: keyOf },
        { title: "variants", text: own, kind: "wrap" },
        { title: "stacks", text: (spec) => spec.stacks.join(", "), kind: "wrap" },
        { title: "root", text: (spec) => (spec.is_in_root ? "✓ yes" : "✕ no") },
        { title: "size", number: true, value: (spec) => spec.size_bytes ?? -1, text: (spec) => bytes(spec.size_bytes) },
    ].map((column) => ({ value: column.text, cell: (spec) => column.text(spec) || "–", ...column }));
    const differing = columns.filter((column) => !common(column.text));
    const facts = columns.filter((column) => common(column.text) && column.title !== "variants" && column.text(specs[0]) !== "–");
    const hash = { title: "hash", value: (spec) => spec.hash, cell: (spec) => hashCell(snapshot, spec), kind: "hash" };
    const valuesOf = (spec) => ({ hash: [shortHash(spec)], compiler: [spec.compiler], os: [spec.os], target: [spec.target],
        stack: spec.stacks, variant: spec.variants.filter((variant) => !shared.includes(variant)) });
    const table = sortedTable({
        label: `Specs of ${name}`,
        kind: "cards-when-narrow",
        caption: (count) => `${number(count)} of ${counted(specs.length, "spec")} of ${name} in ${snapshot.tag}`
            + (snapshot.is_newest ? "." : ", with prefixes of their hashes; the database has whole ones."),
        columns: [hash, ...differing],
        rows: specs,
        sort: { column: differing.find(({ title }) => title === "environment") ?? hash, falling: false },
    });
    const choices = BUILD_FILTERS.map((key) => {
        const values = [...new Set(specs.flatMap((spec) => valuesOf(spec)[key]))].sort(compare);
        if (values.length < 2) return null;
        return choiceOf(key, [["", "all"], ...values.map((value) => [value, value])], "",
            (value) => go({ [`build-${key}`]: value }), `build-${key}`);
    }).filter(Boolean);
    const filter = () => {
        const selects = choices.map((choice) => choice.querySelector("select"));
        for (const select of selects) {
            select.value = state[select.id];
            // Chosen in another snapshot, or mistyped: a filter that is not offered can't be undone.
            if (select.selectedIndex < 0) select.value = "";
        }
        table.update(specs.filter((spec) => selects.every(({ id, value }) =>
            !value || valuesOf(spec)[id.replace("build-", "")].includes(value))));
    };
    filter();
    const body = [
        element("h3", {}, specs.length > 1 ? "Builds" : "Build"),
        facts.length || shared.length ? element("dl", { class: "common" },
            ...facts.map((column) => element("div", {}, element("dt", {}, column.title), element("dd", {}, column.text(specs[0]) || "–"))),
            shared.length ? element("div", {}, element("dt", {}, specs.length > 1 ? "common variants" : "variants"), element("dd", {}, shared.join(" "))) : null) : null,
        element("div", { class: "controls" }, ...choices),
        table.box,
    ];
    return { body, filter };
}

// As many letters as every snapshot has, so that a link lasts.
const shortHash = (spec) => spec.hash.slice(0, 7);

function buildAddress(snapshot, spec) {
    return addressOf({ ...DEFAULTS, snapshot: snapshot.tag, package: spec.package, "build-hash": shortHash(spec) });
}

function hashCell(snapshot, spec) {
    const address = buildAddress(snapshot, spec);
    const hash = copyable(spec.hash, `hash of ${spec.package}`);
    hash.append(element("a", { class: "copy", href: address, "aria-label": `Link to build ${shortHash(spec)}` }, "link"));
    const summary = hasDependencies(snapshot) ? "install, dependencies" : "install";
    return element("span", {}, hash,
        element("details", { class: "install", ontoggle: (event) => fillInstall(event.target, snapshot, spec) }, element("summary", {}, summary)));
}

const hasDependencies = (snapshot) => page.dependencies.includes(snapshot.tag);

function fillInstall(details, snapshot, spec) {
    if (details.childElementCount > 1) return;
    // Other tags are of private mirrors.
    const isPublic = snapshot.kind !== "other";
    const mirror = isPublic ? `${PUBLIC_CACHE}/${snapshot.tag}` : "URL-OF-YOUR-MIRROR";
    const commands = [
        `spack mirror add ${snapshot.tag} ${mirror}`,
        "spack buildcache keys --install --trust",
        `spack install --cache-only /${spec.hash}`,
    ];
    details.append(
        ...commands.map((command) => copyable(command, command)),
        element("p", { class: "note" }, isPublic ? "This is the URL of the public cache; if the snapshot is from another mirror, use that one's."
            : "Put your mirror's URL into the first command."),
        ...(hasDependencies(snapshot) ? [element("div", { class: "tree" }, element("button", { type: "button",
            onclick: (event) => showDependencies(event.target.parentElement, snapshot, spec) }, "Show dependencies"))] : []));
}

// The link and run dependencies of a spec as a tree, each with whether the snapshot has it.
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
                    ? mark("✓", element("a", { href: buildAddress(snapshot, found) },
                        `${row.dependency_name} ${found.version} /${shortHash(found)}`), "exact")
                    : row.is_external ? mark("○", `${row.dependency_name}, external: provided by the host`, "quiet")
                        : mark("✕", `${row.dependency_name}, not in the snapshot`, "lags");
                if (!found || !needs.has(row.dependency)) return element("li", {}, label);
                const details = element("details", {}, element("summary", {}, label));
                details.addEventListener("toggle", () => { if (details.childElementCount === 1) details.append(branch(row.dependency)); });
                return element("li", {}, details);
            }));
        };
        const tree = branch(bySpec.findIndex((one) => one.hash === spec.hash));
        box.replaceChildren(tree.childElementCount ? tree : element("p", { class: "note" }, "It has no link or run dependencies."));
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

// A strip for each environment, with a box per snapshot; the colour alternates with the version.
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
        return `${run.version} ${run.length > 1 ? `from ${page.history[run.first]} to ${page.history[last]}` : `in ${page.history[run.first]}`}`;
    }).join("; ");
    return scroller(`Environments of ${name}`, element("table", { class: "strips" },
        element("caption", {}, `Newest version of ${name} in each environment, with a box for each of ${counted(page.history.length, "snapshot")}: by date, then those without a date. `
            + "The colour changes with the version; an empty box is a snapshot without the package."),
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
