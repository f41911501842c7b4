const isSource = (file) => file.endsWith('.ts');
const unit = ['--selectProjects', 'unit', '--passWithNoTests'];
const service = ['--selectProjects', 'service', '--passWithNoTests'];

/**
 * The runs of Jest for changed files, by their arguments, the quick ones first. Of a file that nobody imports, such as a page of
 * `docs`, nothing tells which specs read it: all unit specs run.
 * @param {string[]} files their paths in the repository; none at the beginning
 * @returns {string[][]}
 */
export function runsFor(files) {
  const sources = files.filter(isSource);
  const related = ['--findRelatedTests', ...sources];
  return [
    files.length > 0 && files.every(isSource) ? [...unit, ...related] : unit,
    ...(sources.length > 0 ? [[...service, ...related]] : []),
  ];
}
