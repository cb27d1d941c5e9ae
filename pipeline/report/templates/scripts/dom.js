// Elements: whatever comes from data becomes text, never markup.

function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key === "onclick") made.addEventListener("click", value);
        else if (value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
}

const number = (value) => (value === null ? "–" : value.toLocaleString("en-US"));
const percent = (value) => `${value.toFixed(1)} %`;
const compare = new Intl.Collator("en", { numeric: true }).compare;

function scroller(label, table) {
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function mark(sign, word, kind) {
    return element("span", { class: kind }, element("span", { class: "mark", "aria-hidden": "true" }, sign), word);
}

// A table whose columns sort. A column has: name, title, value (to sort by), cell (to show), and
// may be a number or, with the class to wrap by, long text. What is long is shown in part, with a button for all of it.
function sortedTable({ label, caption, columns, rows, sort, limit = 100 }) {
    const body = element("tbody");
    const captionElement = element("caption");
    const more = element("button", { type: "button", class: "more" });
    let shown = limit;
    let order = sort ?? { column: columns[0], falling: false };
    let current = rows;
    const heads = columns.map((column) => {
        const head = element("th", { scope: "col", class: column.number ? "number" : undefined });
        const button = element("button", { type: "button" }, column.title);
        button.addEventListener("click", () => {
            const again = order.column === column;
            order = { column, falling: again ? !order.falling : Boolean(column.number) };
            render();
        });
        head.append(button);
        return head;
    });
    more.addEventListener("click", () => {
        shown = Infinity;
        render();
    });

    function render() {
        const { column, falling } = order;
        const keyed = column.value
            ? current.map((row) => [column.value(row), row])
                .sort(([one], [other]) => (falling ? -1 : 1)
                    * (typeof one === "number" ? one - other : compare(one, other)))
                .map(([, row]) => row)
            : current;
        heads.forEach((head, index) => {
            if (columns[index] === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
            else head.removeAttribute("aria-sort");
        });
        body.replaceChildren(...keyed.slice(0, shown).map((row) => element("tr", {},
            ...columns.map((one, index) => (index === 0
                ? element("th", { scope: "row" }, one.cell(row))
                : element("td", { class: one.number ? "number" : one.wrap }, one.cell(row)))))));
        captionElement.textContent = caption(current.length);
        more.hidden = current.length <= shown;
        more.textContent = `Show all ${number(current.length)}`;
    }

    render();
    const table = element("table", {}, captionElement,
        element("thead", {}, element("tr", {}, ...heads)), body);
    const box = element("div", {}, scroller(label, table), more);
    return {
        box,
        update(next) {
            current = next;
            shown = limit;
            render();
        },
    };
}

function openPanel(title, ...children) {
    const panel = document.getElementById("panel");
    document.getElementById("panel-title").textContent = title;
    document.getElementById("panel-body").replaceChildren(...children);
    if (!panel.open) panel.showModal();
    panel.scrollTop = 0;
}
