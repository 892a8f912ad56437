"""The same build on a cluster: one archive, the same functions, the same statements.

Nothing is counted here that is not counted elsewhere. Bundles are brought in by the
warehouse itself, a small one for each task; results are judged and rules applied by the
functions that do it on one machine, some batches or one site at a time; the marts' SQL
is translated, not written twice. What the tables of the snapshot are called and which
types they have is learnt from building an empty one.
"""
