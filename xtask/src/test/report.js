// Opens reports of a replay in Chromium, in a wide and in a phone's window, and looks at what is drawn.
//
//   node report.js CHROMIUM FOLDER REPORT...
//
// Prints a line of JSON for each report and window: {report, window, charts, faults}. Pictures go to FOLDER.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require('playwright-core');

const WINDOWS = [
  { name: 'wide', width: 1280, height: 900, scheme: 'light' },
  { name: 'wide-dark', width: 1280, height: 900, scheme: 'dark' },
  { name: 'phone', width: 360, height: 740, scheme: 'light' },
];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/// Runs in the page.
function look() {
  const faults = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    faults.push(`the page is ${page.scrollWidth} wide in a window of ${page.clientWidth}`);
  }
  const colour = getComputedStyle(document.body).backgroundColor;
  const parts = (colour.match(/[\d.]+/g) || []).map(Number);
  if (parts.length < 3 || parts[3] === 0 || Math.min(...parts.slice(0, 3)) < 240) {
    faults.push(`dark words stand on ${colour}`);
  }
  const charts = document.querySelectorAll('svg');
  for (const svg of charts) {
    faults.push(...lookAt(svg).map((fault) => `${svg.getAttribute('aria-label')}: ${fault}`));
  }
  for (const one of document.querySelectorAll('h1,h2,h3,p,td,th,span,b')) {
    const held = one.closest('.wide,pre');
    const box = one.getBoundingClientRect();
    if (!held && box.right > page.clientWidth + 1) {
      faults.push(`"${one.textContent.slice(0, 40)}" ends at ${box.right}, beyond the window`);
    }
    if (getComputedStyle(one).display !== 'inline' && one.scrollWidth > one.clientWidth + 1) {
      faults.push(`"${one.textContent.slice(0, 40)}" runs over its box`);
    }
  }
  for (const frame of document.querySelectorAll('.wide,pre')) {
    const scrolls = ['auto', 'scroll'].includes(getComputedStyle(frame).overflowX);
    if (frame.scrollWidth > frame.clientWidth && !scrolls) {
      faults.push('a frame is too narrow for what it holds, and does not scroll');
    }
  }
  return { charts: charts.length, faults };

  function lookAt(svg) {
    const faults = [];
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    if (box.width < 300 || box.height < 14) {
      faults.push(`is ${box.width} by ${box.height}`);
    }
    const shapes = [...svg.querySelectorAll('rect,polyline')];
    const sizes = shapes.map((shape) => shape.getBBox());
    if (!sizes.some((size) => size.width > 0 && size.height > 0)) {
      faults.push('nothing is drawn');
    }
    const words = [...svg.querySelectorAll('text')];
    if (words.length === 0) {
      faults.push('has no words');
    }
    for (const part of [...shapes, ...words]) {
      const b = part.getBBox();
      const within =
        b.x >= view.x - 1 &&
        b.y >= view.y - 1 &&
        b.x + b.width <= view.x + view.width + 1 &&
        b.y + b.height <= view.y + view.height + 1;
      if (!within) {
        faults.push(`${part.tagName} "${part.textContent}" is cut off at ${b.x},${b.y}`);
      }
    }
    const size = parseFloat(getComputedStyle(words[0] || svg).fontSize) * (box.width / view.width);
    if (size < 9) {
      faults.push(`its words are ${size} px high`);
    }
    const boxes = words.map((word) => [word.textContent, word.getBBox()]);
    boxes.forEach(([one, a], i) => {
      for (const [other, b] of boxes.slice(i + 1)) {
        const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
        const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
        // The height of a line has room above and below its letters.
        if (across > 1 && down > a.height / 4) {
          faults.push(`"${one}" and "${other}" lie on each other`);
        }
      }
    });
    return faults;
  }
}

async function open(context, report, window, folder) {
  const page = await context.newPage();
  await page.setViewportSize({ width: window.width, height: window.height });
  await page.emulateMedia({ colorScheme: window.scheme });
  const url = pathToFileURL(path.resolve(report)).href;
  const faults = [];
  page.on('console', (said) => faults.push(`the console says: ${said.text()}`));
  page.on('pageerror', (error) => faults.push(`a script failed: ${error.message}`));
  page.on('request', (asked) => {
    if (asked.url() !== url) faults.push(`it asks for ${asked.url()}`);
  });
  await page.goto(url, { waitUntil: 'load' });
  const seen = await page.evaluate(look);
  const picture = `${path.basename(report, '.html')}-${window.name}.png`;
  await page.screenshot({ path: path.join(folder, picture), fullPage: true });
  await page.close();
  return { charts: seen.charts, faults: [...faults, ...seen.faults] };
}

async function main([executablePath, folder, ...reports]) {
  const profile = fs.mkdtempSync(path.join(folder, 'profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: FLAGS,
  });
  for (const report of reports) {
    for (const window of WINDOWS) {
      const seen = await open(context, report, window, folder);
      console.log(JSON.stringify({ report: path.basename(report), window: window.name, ...seen }));
    }
  }
  await context.close();
  fs.rmSync(profile, { recursive: true, force: true });
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 2;
});
