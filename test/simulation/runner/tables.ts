/** Where goals stand: those of the product, and those that the runner is tested with. */
import type { GoalModule } from '../goals/index.js';

type Table = Readonly<Record<string, GoalModule>>;

const TABLES: Readonly<Record<'product' | 'trial', () => Promise<{ readonly GOALS: Table }>>> = {
  product: () => import('../goals/index.js'),
  trial: () => import('./trial-goals.js'),
};
export type TableName = keyof typeof TABLES;

export function isTableName(name: string): name is TableName {
  return Object.hasOwn(TABLES, name);
}

export async function loadTable(name: TableName): Promise<Table> {
  return (await TABLES[name]()).GOALS;
}
