// The page begins here: what stands around every page, and which one is shown.
import { EVERY, start } from "./api.js";
import { keepFocus } from "./focus.js";
import { html, render, useEffect } from "./html.js";
import { connect } from "./live.js";
import { Activity } from "./pages/activity.js";
import { Board } from "./pages/board.js";
import { Cost } from "./pages/cost.js";
import { Edit } from "./pages/edit.js";
import { Plan } from "./pages/plan.js";
import { Syncs } from "./pages/syncs.js";
import { Header } from "./parts/header.js";
import { Faults } from "./parts/notices.js";
import { SyncNotice } from "./parts/sync.js";
import { useBoard, useRead } from "./data.js";
import { startRouting, useRoute } from "./router.js";

const PAGES = { board: Board, edit: Edit, plan: Plan, cost: Cost, activity: Activity };
const TITLES = { board: "Board", plan: "Plan", cost: "Cost", activity: "Activity" };

function App() {
  const route = useRoute();
  const { data: project } = useRead("project", ["lock", "pass", "board"]);
  const { environment } = route;
  const { board, trouble } = useBoard(environment === EVERY ? nameAll(project) : [environment]);
  const Page = PAGES[route.page];
  const key = route.page + route.name + (Page === Board ? "" : environment);
  const title = route.name || TITLES[route.page];
  useEffect(() => {
    document.title = project ? `${title} · ${project.name}` : title;
  }, [title, project]);
  return html`
    <${Header} route=${route} project=${project} />
    <main id="content" tabindex="-1">
      ${project?.sync && html`<${SyncNotice} sync=${project.sync} page=${route.page} />`}
      <${Faults} faults=${board?.faults ?? []} hasCards=${board?.cards.length > 0}
        isBoard=${Page === Board} />
      <${Page} key=${key} route=${route} project=${project} board=${board} trouble=${trouble} />
    </main>`;
}

/** Every environment, as the API is asked for it: the page's own by no name. */
function nameAll(project) {
  const names = project?.environments ?? [];
  return names.map((name) => (name === project.environment ? "" : name));
}

startRouting();
connect();
const page = document.getElementById("page");
keepFocus(page);
render(html`<${start === "syncs" ? Syncs : App} />`, page);
