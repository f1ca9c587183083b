/** Every bound lives in its package's `src/limits.ts`. */
import ts from 'typescript';
import { LAYOUT_FILES } from '../tables.js';
import { fault, nodes, parse, type Source } from '../tree.js';

const UNITS = 'MS|US|NS|S|SECONDS|MINUTES|HOURS|DAYS|BYTES|OCTETS|BITS|COUNT|ROUNDS|RETRIES|ATTEMPTS';
const BOUND = new RegExp(`(^|_)(MAX|MIN|LIMIT|TIMEOUT)(_|$)|_(${UNITS})(_DEFAULT|_FIRST)?$`);
const WIDTH = /_(BYTES|OCTETS|BITS)$/;
const WIDTH_OCTETS_MAX = 16;
const CHOSEN = /(^|_)(MAX|MIN|LIMIT|DEFAULT)(_|$)/;

/**
 * Constants, parameter defaults and static members whose name says bound (`…_MAX`, `silenceMs`) and whose value is a bare number.
 * In a file that draws a layout the width of a field is the format itself, and so is one of at most a few octets anywhere.
 * A number derived from a limit (`2 * SILENCE_MS_MAX`) is fine anywhere; so is 0, 1 or -1, which is a start, not a bound.
 */
export function checkLimits(source: Source): readonly string[] {
  if (/^(protocol|hardware|emulator|packages\/[^/]+)\/src\/limits\.ts$/.test(source.path)) return [];
  const file = parse(source);
  const drawsLayout = LAYOUT_FILES.some((pattern) => pattern.test(source.path));
  const faults: string[] = [];
  for (const node of nodes(file)) {
    const found = numericConstant(node);
    if (found === undefined) continue;
    const name = screaming(found.name);
    if (!BOUND.test(name) || isWidth(name, found.initializer, drawsLayout)) continue;
    faults.push(fault(file, node, `declares the bound ${found.name} outside src/limits.ts`));
  }
  return faults;
}

function isWidth(name: string, value: ts.Expression, drawsLayout: boolean): boolean {
  return WIDTH.test(name) && !CHOSEN.test(name) && (drawsLayout || Number(value.getText()) <= WIDTH_OCTETS_MAX);
}

interface NumericConstant {
  readonly name: string;
  readonly initializer: ts.Expression;
}

function numericConstant(node: ts.Node): NumericConstant | undefined {
  const isConst = ts.isVariableDeclaration(node) && (ts.getCombinedNodeFlags(node) & ts.NodeFlags.Const) !== 0;
  const isDefault = ts.isParameter(node) || ts.isBindingElement(node);
  const isStatic = ts.isPropertyDeclaration(node) && ts.canHaveModifiers(node) && hasStaticOrReadonly(node);
  if (!isConst && !isDefault && !isStatic) return undefined;
  if (!ts.isIdentifier(node.name) || node.initializer === undefined || !isBareNumber(node.initializer))
    return undefined;
  return isTrivial(node.initializer) ? undefined : { name: node.name.text, initializer: node.initializer };
}

function hasStaticOrReadonly(node: ts.PropertyDeclaration): boolean {
  const kinds = (ts.getModifiers(node) ?? []).map((modifier) => modifier.kind);
  return kinds.includes(ts.SyntaxKind.StaticKeyword) || kinds.includes(ts.SyntaxKind.ReadonlyKeyword);
}

function isBareNumber(node: ts.Expression): boolean {
  if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) return true;
  if (ts.isPrefixUnaryExpression(node)) return isBareNumber(node.operand);
  if (ts.isBinaryExpression(node)) return isBareNumber(node.left) && isBareNumber(node.right);
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isSatisfiesExpression(node))
    return isBareNumber(node.expression);
  return false;
}

function isTrivial(node: ts.Expression): boolean {
  return /^-?[01]n?$/.test(node.getText());
}

function screaming(name: string): string {
  return name === name.toUpperCase() ? name : name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}
