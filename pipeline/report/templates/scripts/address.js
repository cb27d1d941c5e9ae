// The address: the selection is kept in the URL's fragment, so that it can be linked, and back and forward work.

const BUILD_FILTERS = ["hash", "compiler", "os", "target", "stack", "variant"];
const DEFAULTS = {
    snapshot: page.snapshots.find((row) => row.is_newest)?.tag ?? "",
    mode: "exact", // or same-os, or compatible
    show: "packages", // in the cells of matrices: packages, share or specs
    targets: "each", // or family
    matching: "", // text in the names of a matrix's rows and columns
    order: "", // of matrices: rows|columns|row or column|name, empty for the total, by commas
    section: "",
    cell: "", // compiler|os|target, each empty for all
    package: "",
    ...Object.fromEntries(BUILD_FILTERS.map((name) => [`build-${name}`, ""])), // of the package's builds
    search: "",
    filter: "all",
    from: "", // the snapshot to compare with; empty for the one before
    change: "",
    os: page.host?.os ?? "",
    target: page.host?.target ?? "",
    exactos: "", // or 1: only what was built on the host's OS
    runs: "", // how packages run on the host; empty for all
};
let state = { ...DEFAULTS };

function readAddress() {
    const text = location.hash.slice(1);
    if (!text.includes("=")) return { ...DEFAULTS, section: document.getElementById(text) ? text : "" };
    const read = { ...DEFAULTS };
    for (const [key, value] of new URLSearchParams(text)) if (key in read) read[key] = value;
    // A link may be of another time, or mistyped.
    const tags = page.snapshots.map((row) => row.tag);
    const known = { snapshot: tags, from: tags, mode: Object.keys(MODES), show: ["packages", "share", "specs"], targets: ["each", "family"] };
    for (const [key, values] of Object.entries(known)) if (!values.includes(read[key])) read[key] = DEFAULTS[key];
    return read;
}

function addressOf(next) {
    const changed = Object.entries(next).filter(([key, value]) => value !== DEFAULTS[key]);
    return `#${new URLSearchParams(changed)}`;
}

// Change part of the selection. Typing replaces the last step of the browser's history instead of adding one.
function go(changes, { replace = false } = {}) {
    // From the address: what was chosen a moment ago is there already.
    const current = readAddress();
    // Filters of builds are those of one package.
    const cleared = "package" in changes ? BUILD_FILTERS.map((name) => [`build-${name}`, ""]) : [];
    const address = addressOf({ ...current, ...Object.fromEntries(cleared), ...changes });
    if (address === addressOf(current)) return;
    if (replace) location.replace(address);
    else location.hash = address;
}
