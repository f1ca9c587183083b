/** Days as `YYYY-MM-DD`: they compare as text, and need no clock and no zone. */

const PATTERN = /^(\d{4})-(\d{2})-(\d{2})$/;
const FEBRUARY = 2;
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Whether `text` is a day of the Gregorian calendar. */
export function isDay(text: string): boolean {
  const match = PATTERN.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const longest = LONGEST[month - 1];
  if (longest === undefined || day < 1 || day > longest) return false;
  return month !== FEBRUARY || day < longest || isLeap(year);
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
