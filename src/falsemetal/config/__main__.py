"""Print the JSON schema."""

from falsemetal.config import schema

print(schema(), end="")
