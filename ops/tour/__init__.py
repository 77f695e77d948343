"""The tour: one story that exercises the whole product, told request by request."""
