import { contenders } from './contenders/all.js';
import type { Results } from './results.js';
import { meanRatio, ratio } from './statistics.js';

const layout = { width: 960, left: 330, right: 30, top: 84, row: 22, bottom: 40 };

/** The one that is 1: the kernel's own union or, where it takes no part, no union at all. */
function reference(results: Results): string {
  return ['overlayfs', 'plain', 'tsaufs'].find((name) => results.contenders.includes(name)) ?? results.contenders[0];
}

/** An SVG: for each workload the time of each contender, relative to overlayfs, on a logarithmic scale. */
export function chart(results: Results): string {
  const base = reference(results);
  const lines = [
    { title: 'geometric mean', points: points(results, (name) => meanRatio(results, name, base)) },
    ...results.workloads.map(({ id, title }) => ({ title, points: points(results, (name) => ratio(results, id, name, base)) })),
  ];
  const scale = logarithmic(lines.flatMap((line) => line.points.map((point) => point.value)));
  const height = layout.top + lines.length * layout.row + layout.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${layout.width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${layout.width}" height="${height}" fill="#fff"/>`,
    text(16, 26, `Time relative to ${base} on ${results.machine.fileSystem}: left is faster`, 'font-size="16" font-weight="bold"'),
    ...legend(results),
    ...gridLines(scale, height),
    ...lines.flatMap((line, index) => drawLine(line, layout.top + index * layout.row, scale, index === 0)),
    '</svg>',
    '',
  ].join('\n');
}

interface Point {
  name: string;
  value: number;
}

function points(results: Results, valueOf: (contender: string) => number | undefined): Point[] {
  return results.contenders.flatMap((name) => {
    const value = valueOf(name);
    return value === undefined ? [] : [{ name, value }];
  });
}

interface Scale {
  readonly ticks: number[];
  place(value: number): number;
}

/** From a power of ten or its half below the least to one above the most. */
function logarithmic(values: number[]): Scale {
  const steps = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
  const [least, most] = [Math.min(...values, 1), Math.max(...values, 1)];
  const from = steps.findLast((step) => step <= least) ?? steps[0];
  const to = steps.find((step) => step >= most) ?? steps.at(-1)!;
  const width = layout.width - layout.left - layout.right;
  return {
    ticks: steps.filter((step) => step >= from && step <= to),
    place: (value) => layout.left + width * Math.log(value / from) / Math.max(Math.log(to / from), 1e-9),
  };
}

function legend(results: Results): string[] {
  let x = 16;
  return results.contenders.flatMap((name) => {
    const at = x;
    x += name.length * 7.5 + 34;
    return [circle(at + 5, 48, name), text(at + 16, 52, name)];
  });
}

function gridLines(scale: Scale, height: number): string[] {
  const bottom = height - layout.bottom;
  return scale.ticks.flatMap((tick) => {
    const x = scale.place(tick).toFixed(1);
    const color = tick === 1 ? '#111' : '#ddd';
    return [
      `<line x1="${x}" y1="${layout.top - 6}" x2="${x}" y2="${bottom}" stroke="${color}"/>`,
      text(x, bottom + 18, `×${Number(tick.toPrecision(1))}`, 'text-anchor="middle"'),
    ];
  });
}

function drawLine(line: { title: string; points: Point[] }, top: number, scale: Scale, emphasis: boolean): string[] {
  const middle = top + layout.row / 2;
  const style = emphasis ? 'text-anchor="end" font-weight="bold"' : 'text-anchor="end"';
  return [
    text(layout.left - 14, middle + 4, line.title, style),
    `<line x1="${layout.left}" y1="${middle}" x2="${layout.width - layout.right}" y2="${middle}" stroke="#f0f0f0"/>`,
    // tsaufs is drawn last, on top.
    ...line.points.toReversed().map(({ name, value }) => circle(scale.place(value), middle, name)),
  ];
}

function circle(x: number, y: number, contender: string): string {
  const color = contenders.find(({ id }) => id === contender)?.color ?? '#000';
  return `<circle cx="${x.toFixed(1)}" cy="${y}" r="5" fill="${color}" fill-opacity="0.85"/>`;
}

function text(x: number | string, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" fill="#222" ${attributes}>${escaped}</text>`;
}
