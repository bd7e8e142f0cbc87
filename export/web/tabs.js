// The four ways to choose a code, as tabs: one is shown; arrow keys, Home and End go along them.

/** @param {(name: string) => void} onShow is called with "map", "sliders", "between" or "draw". */
export function setUpTabs(onShow) {
  const tabs = [...document.querySelectorAll('[role="tab"]')];

  const select = (chosen, focus) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
    if (focus) chosen.focus();
    onShow(chosen.id.replace("tab-", ""));
  };

  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const last = tabs.length - 1;
      const targets = {
        ArrowRight: index === last ? 0 : index + 1,
        ArrowLeft: index === 0 ? last : index - 1,
        Home: 0,
        End: last,
      };
      if (!(event.key in targets)) return;
      event.preventDefault();
      select(tabs[targets[event.key]], true);
    });
  }
  select(tabs[0]);
}
