/**
 * Computes the area under the ROC curve (the statistic of Mann and Whitney): the chance that a
 * value of `known` is greater than a value of `unknown`. Ties count half. 0.5: the figures do
 * not tell the groups apart. 0 or 1: they tell them apart fully. NaN if a group is empty.
 */
export function areaUnderCurve(known: number[], unknown: number[]): number {
  const all = [
    ...known.map((value) => ({ value, isKnown: true })),
    ...unknown.map((value) => ({ value, isKnown: false })),
  ].sort((a, b) => a.value - b.value)
  let rankSum = 0
  for (let start = 0; start < all.length;) {
    let end = start
    while (end < all.length && all[end]?.value === all[start]?.value) end++
    // Equal figures share the mean of their ranks. Ranks begin at 1.
    const rank = (start + 1 + end) / 2
    rankSum += rank * all.slice(start, end).filter(({ isKnown }) => isKnown).length
    start = end
  }
  return (rankSum - (known.length * (known.length + 1)) / 2) / (known.length * unknown.length)
}
