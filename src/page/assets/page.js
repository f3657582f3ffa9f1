// What others have chosen, such as names of files, comes escaped as for a terminal and is put in as text, never as markup.

/** Rows that stay in the list. */
const ROWS_MAX = 500;
/** Between two attempts to come back when the browser itself has given up. */
const RETRY_MS = 2000;
const SVG = 'http://www.w3.org/2000/svg';
const NUMBER = new Intl.NumberFormat('en-US');

const form = /** @type {HTMLFormElement} */ (byId('filter'));
const rows = byId('rows');
const pause = byId('pause');
const keys = /** @type {HTMLInputElement} */ (byId('keys'));

/** @type {EventSource | undefined} */
let source;
/** The next attempt of this page's own to come back. */
let retry;
let paused = false;
let unseen = 0;
/** Lines that streams of this filter did not bring. */
let missedBefore = 0;
let missedNow = 0;
/** The mode in force cannot tell what was freed. */
let knowsFreed = true;

function byId(id) {
  return document.getElementById(id);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

function show(target, text) {
  target.textContent = text;
  target.hidden = text === '';
}

function countText(count) {
  return NUMBER.format(Math.round(count));
}

function rateText(rate) {
  const tenths = Math.round(rate * 10) / 10;
  return tenths > 0 && tenths < 10 ? tenths.toFixed(1) : countText(rate);
}

function byteText(bytes) {
  let value = bytes;
  let unit = 'B';
  for (const bigger of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = bigger;
  }
  return unit === 'B' ? `${value} B` : `${value.toFixed(1)} ${unit}`;
}

function timeText(time) {
  const pad = (value, width) => String(value).padStart(width, '0');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => pad(part, 2)).join(':');
  return `${clock}.${pad(time.getMilliseconds(), 3)}`;
}

// The stream

/** The conditions as search has them; empty fields ask nothing. */
function query() {
  const given = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
  return new URLSearchParams(given.filter(([, value]) => value !== '')).toString();
}

function connect() {
  clearTimeout(retry);
  source?.close();
  missedBefore += missedNow;
  missedNow = 0;
  const opened = new EventSource(`/page/events?${query()}`);
  source = opened;
  const on = (name, take) => {
    opened.addEventListener(name, (event) => {
      if (source === opened) take(JSON.parse(event.data));
    });
  };
  on('hello', hello);
  on('rows', addRows);
  on('state', showState);
  on('missed', ({ lines }) => {
    missedNow = lines;
    showMissed();
  });
  opened.addEventListener('error', () => {
    if (source === opened) void disconnected(opened);
  });
}

function hello({ host, before }) {
  show(byId('host'), host);
  document.title = `rmwatch ${host}`;
  connection('live', 'good');
  show(byId('problem'), '');
  // This stream counts from its own beginning.
  missedBefore += missedNow;
  missedNow = 0;
  if (before === 'restart') note('The daemon was started again. What happened meanwhile is in the log: rmwatch search');
  else if (before > 0)
    note(`This page was not connected; ${countText(before)} events happened meanwhile: rmwatch search`);
}

async function disconnected(opened) {
  connection('not connected, trying again', 'bad');
  // Over a lost connection the browser comes back by itself; only an answer that is no stream ends its attempts.
  if (opened.readyState !== EventSource.CLOSED) return;
  const answer = await fetch(opened.url).catch(() => undefined);
  if (source !== opened) {
    void answer?.body?.cancel();
    return;
  }
  if (answer !== undefined && !answer.ok) {
    show(byId('problem'), (await answer.text()).trim());
    if (answer.status === 400) {
      connection('the filter is wrong', 'bad');
      return;
    }
  }
  void answer?.body?.cancel().catch(() => {});
  retry = setTimeout(connect, RETRY_MS);
}

function connection(text, className) {
  const badge = byId('connection');
  if (badge.textContent === text) return;
  badge.textContent = text;
  badge.className = `badge ${className}`;
}

// The list

function addRows(added) {
  if (paused) {
    unseen += added.length;
    showPause();
    return;
  }
  byId('waiting').hidden = true;
  const made = document.createDocumentFragment();
  // The newest first.
  for (const row of added.slice(-ROWS_MAX).reverse()) made.append('note' in row ? noteRow(row) : deletionRow(row));
  rows.prepend(made);
  while (rows.childElementCount > ROWS_MAX) rows.lastElementChild.remove();
}

function timeCell(text) {
  const cell = element('td');
  const time = element('time', timeText(new Date(text)));
  time.dateTime = text;
  time.title = text;
  cell.append(time);
  return cell;
}

function deletionRow({ time, operation, problem, path, process, pid, user, watches, bytes }) {
  const row = element('tr', undefined, problem === undefined ? undefined : 'failed');
  const pathCell = element('td', undefined, 'path');
  // A name of letters that run from right to left must not turn its neighbours around.
  const name = element('bdi', path);
  name.dir = 'ltr';
  pathCell.append(name);
  row.append(
    timeCell(time),
    element('td', problem === undefined ? operation : `${operation}: ${problem}`, 'operation'),
    pathCell,
    element('td', bytes === undefined ? '' : byteText(bytes), 'number'),
    element('td', `${process}[${pid}]`),
    element('td', user),
    element('td', watches),
  );
  return row;
}

function noteRow({ time, note: text, kind }) {
  const row = element('tr', undefined, kind);
  const cell = element('td', text, 'path');
  cell.colSpan = 6;
  row.append(timeCell(time), cell);
  return row;
}

/** A row of this page's own. */
function note(text) {
  addRows([{ time: new Date().toISOString(), note: text, kind: 'lost' }]);
}

function showMissed() {
  const lines = missedBefore + missedNow;
  show(
    byId('missed'),
    lines === 0
      ? ''
      : `${countText(lines)} lines are not shown: they came faster than this page takes them. The log has them.`,
  );
}

function showPause() {
  pause.setAttribute('aria-pressed', String(paused));
  pause.textContent = paused ? `Paused (${countText(unseen)} not shown)` : 'Pause';
}

// What is counted

function showState({ attach, symbol, state, ledger, rate, watches, watchCount, lists, listsSinceMs, listsLost }) {
  knowsFreed = attach !== 'tracepoint';
  document.body.classList.toggle('without-freed', !knowsFreed);
  const health = byId('health');
  show(health, state);
  health.className = `badge ${state === 'ready' ? 'good' : state.startsWith('ready;') ? '' : 'bad'}`;
  show(byId('mode'), `${attach} on ${symbol}`);
  if (paused) return;
  showFigures(ledger, rate.at(-1));
  byId('watches').replaceChildren(...watches.map(watchRow));
  const more = watchCount - watches.length;
  show(byId('more-watches'), more > 0 ? `and ${countText(more)} more watches with fewer deletions` : '');
  const since = timeText(new Date(listsSinceMs)).slice(0, 8);
  const without = listsLost > 0 ? `, without ${countText(listsLost)} lines that came too fast` : '';
  show(byId('top-hint'), `Since ${since}, when the first page was opened, whatever the filter${without}.`);
  for (const [list, keys] of Object.entries(lists)) byId(`top-${list}`).replaceChildren(...keys.map(topRow));
}

function showFigures({ seen, filtered, delivered, folded, lost, queued }, rate) {
  const figures = [
    ['events per second', rateText(rate)],
    ['seen', countText(seen)],
    ['filtered', countText(filtered)],
    ['delivered', countText(delivered)],
    ['folded', countText(folded)],
    ['waiting for the log', countText(queued)],
    ['lost', countText(lost)],
  ];
  byId('ledger').replaceChildren(
    ...figures.map(([name, text]) => {
      const figure = element('div', undefined, name === 'lost' && lost > 0 ? 'bad' : undefined);
      figure.append(element('dt', name), element('dd', text));
      return figure;
    }),
  );
}

function watchRow({ name, history, deletions, freedBytes }) {
  const row = element('tr');
  const title = element('th', name);
  title.scope = 'row';
  const chart = element('td', undefined, 'chart');
  chart.append(bars(name, history));
  row.append(
    title,
    element('td', rateText(history.at(-1)), 'number'),
    chart,
    element('td', rateText(Math.max(...history)), 'number'),
    element('td', countText(history.reduce((sum, rate) => sum + rate, 0)), 'number'),
    element('td', countText(deletions), 'number'),
    freedCell(freedBytes),
  );
  return row;
}

function topRow({ key, count, error, freedBytes }) {
  const row = element('tr');
  const title = element('th');
  title.scope = 'row';
  const name = element('bdi', key);
  name.dir = 'ltr';
  title.append(name);
  // Others that were forgotten meanwhile may be part of the count.
  row.append(title, element('td', `${error > 0 ? '≤ ' : ''}${countText(count)}`, 'number'), freedCell(freedBytes));
  return row;
}

function freedCell(bytes) {
  return element('td', knowsFreed ? byteText(bytes) : '–', 'number freed');
}

/** One bar for each second, the highest for the greatest. */
function bars(name, history) {
  const most = Math.max(...history);
  const chart = document.createElementNS(SVG, 'svg');
  chart.setAttribute('viewBox', `0 0 ${history.length} 20`);
  chart.setAttribute('preserveAspectRatio', 'none');
  chart.setAttribute('role', 'img');
  chart.setAttribute('aria-label', `${name}: at most ${rateText(most)} deletions per second in the last minute`);
  history.forEach((rate, second) => {
    if (rate <= 0) return;
    const height = Math.max(1, (rate / most) * 20);
    const bar = document.createElementNS(SVG, 'rect');
    bar.setAttribute('x', String(second + 0.1));
    bar.setAttribute('y', String(20 - height));
    bar.setAttribute('width', '0.8');
    bar.setAttribute('height', String(height));
    chart.append(bar);
  });
  return chart;
}

// What the user does

function filterAgain() {
  const asked = query();
  // The address can be kept and passed on.
  history.replaceState(null, '', asked === '' ? '/' : `/?${asked}`);
  rows.replaceChildren();
  missedBefore = 0;
  missedNow = 0;
  showMissed();
  show(byId('problem'), '');
  byId('waiting').hidden = false;
  connect();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  filterAgain();
});
form.addEventListener('reset', () => setTimeout(filterAgain));

function togglePause() {
  paused = !paused;
  if (!paused) {
    if (unseen > 0) note(`${countText(unseen)} rows are not shown: this page was paused`);
    unseen = 0;
  }
  showPause();
}

pause.addEventListener('click', togglePause);

// Who speaks to the browser, or hits keys unawares, can do without keys of one character. The choice is for good where the
// browser keeps it.
const KEYS = 'rmwatch.keys';

function keptChoice() {
  try {
    return localStorage.getItem(KEYS);
  } catch {
    return null;
  }
}

keys.checked = keptChoice() !== 'off';
keys.addEventListener('change', () => {
  try {
    localStorage.setItem(KEYS, keys.checked ? 'on' : 'off');
  } catch {
    // Then it holds for this page.
  }
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof Element && event.target.matches('input:not([type="checkbox"]), select');
  if (event.key === 'Escape' && event.target instanceof HTMLElement) event.target.blur();
  if (typing || !keys.checked) return;
  if (event.key === 'p') togglePause();
  if (event.key === '/') {
    event.preventDefault();
    const path = form.elements.namedItem('path');
    if (path instanceof HTMLElement) path.focus();
  }
});

for (const [name, value] of new URLSearchParams(location.search)) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
}
connect();
