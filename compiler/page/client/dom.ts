// Elements made in one expression. In: a tag, attributes, children. Out: the element. Text is always text: nothing of a recipe is read as HTML.

export type Child = Node | string | undefined;

/** Attributes that are undefined or false are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export function makeSvg(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly Node[]
): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export function button(label: string, title: string, act: () => void): HTMLButtonElement {
  const made = make("button", { type: "button", title, "aria-label": title }, label);
  made.addEventListener("click", act);
  return made;
}

/** A section with its heading; the heading's id is what the page's links lead to. */
export function section(id: string, title: string, ...children: readonly Child[]): HTMLElement {
  return make(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title` }, title),
    ...children,
  );
}

/** Calls `act` when the system's colours or the element's width change. */
export function onReshape(element: Element, act: () => void): void {
  new ResizeObserver(act).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
}
