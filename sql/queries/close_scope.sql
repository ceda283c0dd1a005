-- Let go of a scope.
USE {{generation}};

DETACH {{scope}};
