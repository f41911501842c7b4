import { type EChartsOption, init } from 'echarts';
import type { Picture } from './case.js';
import type { CaseResult, Figures } from './run-case.js';

const WIDTH = 760;
const HEIGHT = 380;
/** Told apart by people who do not tell all colours apart (Okabe and Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#d55e00', '#cc79a7', '#56b4e9'];

/** A picture of a case's medians, as SVG on white: it is looked at on light pages and dark ones. */
export function draw(picture: Picture, result: CaseResult): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    title: { text: picture.title, left: 'center', textStyle: { fontSize: 15, fontWeight: 'normal' } },
    legend: { bottom: 0, itemGap: 28 },
    grid: { left: 72, right: 24, top: 44, bottom: 72 },
    ...options[picture.of](picture, result),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** The name of its file. */
export function fileOf(picture: Picture, result: CaseResult): string {
  return `${result.case.name}-${picture.of}.svg`;
}

const options: Record<Picture['of'], (picture: Picture, result: CaseResult) => EChartsOption> = {
  rate(_, { case: { levels, levelName = 'clients', unit = 'a second' }, figures }) {
    return {
      xAxis: { type: 'category', name: levelName, nameLocation: 'middle', nameGap: 28, data: levels.map(String) },
      yAxis: { type: 'value', name: unit },
      series: contendersOf(figures).map((name) => ({
        type: 'line',
        name,
        data: levels.map((level) => figureOf(figures, name, level)?.value.median ?? null),
      })),
    };
  },

  latencies({ level }, { figures }) {
    const taken = figures.filter((each) => each.level === level);
    const percentiles = Object.keys(taken[0]?.percentiles ?? {}).sort((a, b) => Number(a) - Number(b));
    return {
      xAxis: { type: 'category', name: 'percentile', nameLocation: 'middle', nameGap: 28, data: percentiles },
      yAxis: { type: 'log', name: 'ms' },
      series: taken.map(({ contender: name, percentiles: latencies = {} }) => ({
        type: 'line',
        name,
        data: percentiles.map((each) => latencies[each] ?? null),
      })),
    };
  },

  cost({ level }, { figures }) {
    const taken = figures.filter((each) => each.level === level);
    const processes = Object.keys(taken[0]?.processor ?? {});
    return {
      xAxis: { type: 'category', data: taken.map(({ contender }) => contender) },
      yAxis: { type: 'value', name: 'µs' },
      series: processes.map((name) => ({
        type: 'bar',
        stack: 'all',
        name,
        barMaxWidth: 90,
        data: taken.map(({ processor = {} }) => Math.round((processor[name] ?? 0) * 10) / 10),
      })),
    };
  },
};

function contendersOf(figures: readonly Figures[]): string[] {
  return [...new Set(figures.map(({ contender }) => contender))];
}

function figureOf(figures: readonly Figures[], contender: string, level: number): Figures | undefined {
  return figures.find((each) => each.contender === contender && each.level === level);
}
