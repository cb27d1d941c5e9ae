// Elements: whatever comes from data becomes text, never markup.

function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
        else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
}

const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US"));
const percent = (value) => `${value.toFixed(1)} %`;
const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
const packageShare = (count, all) => `${number(count)} of ${counted(all, "package")} (${percent(all ? 100 * count / all : 0)})`;
const compare = new Intl.Collator("en", { numeric: true }).compare;

function bytes(value) {
    if (value === null) return "–";
    const power = Math.min(4, Math.floor(Math.log(Math.max(1, value)) / Math.log(1000)));
    return `${(value / 1000 ** power).toFixed(power ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

function scroller(label, table) {
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

// A symbol with a word; a hidden word is still read by screen readers.
function mark(sign, word, kind, isHidden = false) {
    return element("span", { class: kind, title: isHidden ? word : undefined },
        element("span", { class: "mark", "aria-hidden": "true" }, sign),
        element("span", { class: isHidden ? "hidden" : undefined }, word));
}

// A link, so that it can also be copied, or opened in a new tab.
function packageLink(name) {
    return element("a", { class: "package", href: addressOf({ ...DEFAULTS, snapshot: state.snapshot, package: name }) }, name);
}

// Return the focus to an element that was drawn anew, unless it has moved on.
function refocus(element) {
    if (element?.id && !element.isConnected && document.activeElement === document.body) document.getElementById(element.id)?.focus();
}

function choiceOf(label, options, value, onchange, id) {
    return element("label", {}, `${label} `, element("select", { id, autocomplete: "off", onchange: (event) => onchange(event.target.value) },
        ...options.map(([key, text]) => element("option", { value: key, ...(key === value ? { selected: "" } : {}) }, text))));
}

// Text that can be copied with a button.
function copyable(text, label) {
    const button = element("button", { type: "button", class: "copy", "aria-label": `Copy ${label}` }, "copy");
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(text);
            button.textContent = "copied";
        } catch {
            // Where the clipboard is refused, the text is at least selected.
            getSelection().selectAllChildren(code);
            button.textContent = "selected";
        }
        setTimeout(() => { button.textContent = "copy"; }, 2000);
    });
    const code = element("code", {}, text);
    return element("span", { class: "copyable" }, code, button);
}

const allTables = new Set(); // those that show a part, which is not enough in print

// A table whose columns sort. A column has: title, value (to sort by), cell (to show), and may be a
// number or have a class. A long table is shown in part, with a button for the rest.
function sortedTable({ label, caption, columns, rows, sort, limit = 100, kind }) {
    const body = element("tbody");
    const captionElement = element("caption");
    const more = element("button", { type: "button", class: "more" });
    let shown = limit;
    let order = sort ?? { column: columns[0], falling: false };
    let current = rows;
    const heads = columns.map((column) => {
        const button = element("button", { type: "button" }, column.title);
        button.addEventListener("click", () => {
            const again = order.column === column;
            order = { column, falling: again ? !order.falling : Boolean(column.number) };
            render();
        });
        return element("th", { scope: "col", class: column.number ? "number" : column.kind }, button);
    });
    more.addEventListener("click", () => {
        shown = Infinity;
        render();
    });

    function render(all = false) {
        const { column, falling } = order;
        const keyed = current.map((row) => [column.value(row), row])
            .sort(([one], [other]) => (falling ? -1 : 1)
                * (typeof one === "number" && typeof other === "number" ? one - other : compare(one ?? "", other ?? "")))
            .map(([, row]) => row);
        heads.forEach((head, index) => {
            if (columns[index] === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
            else head.removeAttribute("aria-sort");
        });
        body.replaceChildren(...keyed.slice(0, all ? Infinity : shown).map((row) => element("tr", {},
            ...columns.map((one, index) => element(index === 0 ? "th" : "td",
                { scope: index === 0 ? "row" : undefined, class: one.number ? "number" : one.kind, "data-title": one.title }, one.cell(row))))));
        captionElement.textContent = caption(current.length);
        more.hidden = current.length <= shown;
        more.textContent = `Show all ${number(current.length)}`;
    }

    render();
    const table = element("table", { class: kind }, captionElement,
        element("thead", {}, element("tr", {}, ...heads)), body);
    const box = element("div", {}, scroller(label, table), more);
    const made = {
        box,
        render,
        update(next) {
            current = next;
            shown = limit;
            render();
        },
    };
    allTables.add(made);
    return made;
}

// In print there is no button: every row is shown, and all that is folded is open.
addEventListener("beforeprint", () => {
    for (const table of allTables) {
        if (table.box.isConnected) table.render(true);
        else allTables.delete(table);
    }
    for (const details of document.querySelectorAll("main details:not([open])")) {
        details.dataset.folded = "";
        details.open = true;
    }
});
addEventListener("afterprint", () => {
    for (const table of allTables) table.render();
    for (const details of document.querySelectorAll("[data-folded]")) {
        delete details.dataset.folded;
        details.open = false;
    }
});
