// The page follows its address: the selection there is loaded and shown.

const choice = document.getElementById("choice");
const panel = document.getElementById("panel");
let snapshot = null; // the one that is shown
let filterPackages = null;
let filterBuilds = null;
let opener = null; // what had the focus before the panel opened

// The parts of the page, each with the keys of the address that it depends on.
const DEPENDS = {
    matrices: ["mode", "show", "targets", "matching", "order"],
    changes: ["from", "change"],
    machine: ["os", "target", "exactos", "runs"],
    packages: ["search", "filter"],
    panel: ["cell", "package", "mode"],
    builds: BUILD_FILTERS.map((name) => `build-${name}`),
};

async function follow() {
    const before = state;
    state = readAddress();
    const isOther = snapshot?.tag !== state.snapshot;
    const changed = (part) => isOther || DEPENDS[part].some((key) => before[key] !== state[key]);
    const focused = document.activeElement;
    const status = document.getElementById("status");
    choice.elements.snapshot.value = state.snapshot;
    choice.elements.mode.value = state.mode;
    document.getElementById("matrix-show").value = state.show;
    document.getElementById("matrix-targets").value = state.targets;
    document.getElementById("matrix-search").value = state.matching;
    try {
        if (isOther) {
            status.textContent = "Loading …";
            const loaded = await loadSnapshot(state.snapshot);
            if (loaded.tag !== state.snapshot) return; // another was chosen since
            snapshot = loaded;
            for (const title of document.querySelectorAll(".of-snapshot")) title.textContent = snapshot.tag;
            filterPackages = showPackages(snapshot);
            showStacks(snapshot);
            showDuplicates(snapshot);
        } else if (changed("packages")) {
            filterPackages();
        }
        if (changed("matrices")) showMatrices(snapshot);
        if (changed("machine")) showMachine(snapshot);
        if (changed("panel")) showPanel(snapshot);
        else if (changed("builds")) filterBuilds?.();
        if (changed("changes")) await showChanges(snapshot);
        status.textContent = "";
        refocus(focused);
        if (state.section && state.section !== before.section) showSection(state.section);
    } catch (error) {
        status.textContent = error.message;
    }
}

function showPanel() {
    if (!state.cell && !state.package) {
        if (panel.open) {
            panel.close();
            opener?.focus();
        }
        return;
    }
    const { title, body, filter } = state.package ? packagePanel(snapshot, state.package) : cellPanel(snapshot, state.cell);
    filterBuilds = filter;
    document.getElementById("panel-title").textContent = title;
    document.getElementById("panel-back").hidden = !(state.package && state.cell);
    document.getElementById("panel-body").replaceChildren(...body.filter(Boolean));
    if (!panel.open) {
        opener = document.activeElement;
        panel.showModal();
    }
    panel.scrollTop = 0;
}

// The keyboard goes on from there, too.
function showSection(id) {
    const section = document.getElementById(id);
    if (!section) return;
    section.scrollIntoView();
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
}

// Closing a package goes back to the list that it was opened from.
const leavePanel = () => go(state.package && state.cell ? { package: "" } : { package: "", cell: "" });

if (choice) {
    choice.hidden = false;
    choice.addEventListener("submit", (event) => event.preventDefault());
    choice.elements.snapshot.addEventListener("change", (event) => go({ snapshot: event.target.value }));
    for (const radio of choice.elements.mode) radio.addEventListener("change", (event) => go({ mode: event.target.value }));
    const listen = (id, key, event = "change", replace = false) =>
        document.getElementById(id).addEventListener(event, ({ target }) => go({ [key]: target.value }, { replace }));
    listen("matrix-show", "show");
    listen("matrix-targets", "targets");
    listen("package-search", "search", "input", true);
    listen("package-filter", "filter");
    listen("host-os", "os");
    listen("host-target", "target");
    document.getElementById("host-exact").addEventListener("change", ({ target }) => go({ exactos: target.checked ? "1" : "" }));
    listen("matrix-search", "matching", "input", true);
    document.getElementById("machine-form").addEventListener("submit", (event) => event.preventDefault());
    // A link within the page changes what it names, and keeps the rest of the selection.
    document.addEventListener("click", (event) => {
        const link = event.target.closest("a[href^='#']");
        if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        const named = link.hash.includes("=")
            ? { snapshot: DEFAULTS.snapshot, ...Object.fromEntries(new URLSearchParams(link.hash.slice(1))) }
            : { section: link.hash.slice(1) };
        go(named);
        if (named.section) showSection(named.section);
    });
    panel.addEventListener("cancel", (event) => {
        event.preventDefault();
        leavePanel();
    });
    document.getElementById("panel-close").addEventListener("click", () => go({ package: "", cell: "" }));
    document.getElementById("panel-back").addEventListener("click", leavePanel);
    for (const hidden of document.querySelectorAll(".needs-scripts")) hidden.hidden = false;
    addEventListener("hashchange", follow);
    // What is scrolled to must not be hidden behind the header, whose lines depend on the width.
    const header = document.querySelector("header");
    new ResizeObserver(() => {
        const height = getComputedStyle(header).position === "sticky" ? header.offsetHeight : 0;
        document.documentElement.style.scrollPaddingTop = `${height + 16}px`;
    }).observe(header);
    follow();
}
