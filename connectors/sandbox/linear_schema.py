"""The part of Linear's GraphQL schema that the fake answers, in the vendor's words; and how complex a query is.

Complexity: a scalar field costs 0.1, an object 1, and a connection multiplies what is below it by the number of
records that it
may return (50 where the query names none). Source: connector rules, 'Linear'.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    get_named_type,
)

DEFAULT_FIRST = 50

_CONNECTION = """
type {name}Connection {{ edges: [{name}Edge!]! nodes: [{name}!]! pageInfo: PageInfo! }}
type {name}Edge {{ cursor: String! node: {name}! }}
"""

SDL = """
scalar DateTime
scalar DateTimeOrDuration
enum PaginationOrderBy { createdAt updatedAt }
interface Node { id: ID! }

type Query {
  issues(
    after: String, before: String, filter: IssueFilter, first: Int, includeArchived: Boolean, last: Int,
    orderBy: PaginationOrderBy
  ): IssueConnection!
  issue(id: String!): Issue!
  teams(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): TeamConnection!
  workflowStates(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): WorkflowStateConnection!
  cycles(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): CycleConnection!
  users(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): UserConnection!
  viewer: User!
  organization: Organization!
}

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
type Organization implements Node { id: ID! name: String! urlKey: String! createdAt: DateTime! updatedAt: DateTime!
}
type User implements Node {
  id: ID! name: String! displayName: String! email: String! active: Boolean! timezone: String
  createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime
}
type Team implements Node {
  id: ID! key: String! name: String! createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime timezone:
  String!
}
type WorkflowState implements Node {
  id: ID! name: String! type: String! color: String! position: Float! team: Team!
  createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime
}
type Cycle implements Node {
  id: ID! number: Float! name: String startsAt: DateTime! endsAt: DateTime! completedAt: DateTime team: Team!
  createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime
}
type IssueLabel implements Node {
  id: ID! name: String! color: String! createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime
}

type Issue implements Node {
  id: ID! identifier: String! number: Float! title: String! url: String!
  priority: Float! priorityLabel: String! estimate: Float
  createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime autoArchivedAt: DateTime trashed: Boolean
  startedAt: DateTime completedAt: DateTime canceledAt: DateTime
  state: WorkflowState! team: Team! assignee: User creator: User cycle: Cycle labelIds: [String!]!
  labels(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): IssueLabelConnection!
  history(
    after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy
  ): IssueHistoryConnection!
}
type IssueHistory implements Node {
  id: ID! createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime issue: Issue! actor: User actorId: String
  fromState: WorkflowState fromStateId: String toState: WorkflowState toStateId: String
  fromPriority: Float toPriority: Float fromEstimate: Float toEstimate: Float
  fromAssignee: User fromAssigneeId: String toAssignee: User toAssigneeId: String
  fromCycle: Cycle fromCycleId: String toCycle: Cycle toCycleId: String archived: Boolean trashed: Boolean
}

input DateComparator {
  eq: DateTimeOrDuration gt: DateTimeOrDuration gte: DateTimeOrDuration lt: DateTimeOrDuration lte:
  DateTimeOrDuration
}
input IssueIDComparator { eq: ID in: [ID!] neq: ID nin: [ID!] }
input StringComparator { eq: String in: [String!] neq: String nin: [String!] }
input TeamFilter { key: StringComparator name: StringComparator }
input IssueFilter {
  and: [IssueFilter!] or: [IssueFilter!] id: IssueIDComparator team: TeamFilter updatedAt: DateComparator
  createdAt: DateComparator
}
""" + "".join(
    _CONNECTION.format(name=name)
    for name in ("Issue", "IssueHistory", "IssueLabel", "Team", "WorkflowState", "Cycle", "User")
)


def schema() -> GraphQLSchema:
    """The schema, built."""
    return build_schema(SDL)


def complexity(schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> float:
    """What a valid query costs."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    query = schema.query_type
    assert query is not None  # noqa: S101
    return sum(
        _selected(definition.selection_set, query, fragments, variables)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )


def _selected(
    selection: SelectionSetNode,
    parent: GraphQLNamedType,
    fragments: dict[str, FragmentDefinitionNode],
    variables: dict[str, Any],
) -> float:
    total = 0.0
    for node in selection.selections:
        if isinstance(node, FragmentSpreadNode):
            total += _selected(fragments[node.name.value].selection_set, parent, fragments, variables)
        elif isinstance(node, InlineFragmentNode):
            total += _selected(node.selection_set, parent, fragments, variables)
        elif isinstance(node, FieldNode):
            total += _field(node, parent, fragments, variables)
    return total


def _field(
    node: FieldNode,
    parent: GraphQLNamedType,
    fragments: dict[str, FragmentDefinitionNode],
    variables: dict[str, Any],
) -> float:
    if (
        node.selection_set is None
        or not isinstance(parent, GraphQLObjectType)
        or node.name.value.startswith("__")
    ):
        return 0.1
    of = get_named_type(parent.fields[node.name.value].type)
    below = _selected(node.selection_set, of, fragments, variables)
    if of.name.endswith("Connection"):
        return below * _first(node, variables)
    return below if of.name.endswith("Edge") else 1.0 + below


def _first(node: FieldNode, variables: dict[str, Any]) -> int:
    """How many records a connection may return."""
    for argument in node.arguments:
        if argument.name.value in ("first", "last"):
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                return int(variables.get(argument.value.name.value) or DEFAULT_FIRST)
    return DEFAULT_FIRST
